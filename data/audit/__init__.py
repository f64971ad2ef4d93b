"""Audit of an image set: copies, shared ground, and shortcuts to the class."""
