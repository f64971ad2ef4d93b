"""Finished run -> HTML: sections, figures, templates."""
