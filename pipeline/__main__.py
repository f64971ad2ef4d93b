"""``python -m pipeline`` is the same as ``blastline``."""

from pipeline.cli import main

main()
