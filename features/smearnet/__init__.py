"""The backbone that comes with Blastline, and how it is trained on normal blood cells."""
