"""How good a classifier is, in the depth that a journal asks for; on cells that it never saw."""
