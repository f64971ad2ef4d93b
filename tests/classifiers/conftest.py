"""Settings of the property tests: a slow machine is no failure, and every run tries the same."""

from hypothesis import settings

settings.register_profile("blastline", deadline=None, derandomize=True, max_examples=60)
settings.load_profile("blastline")
