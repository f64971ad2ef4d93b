"""The stages wired together: command line, configuration, one module a stage."""
