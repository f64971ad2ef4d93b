"""Embedding -> label: estimators, tuning, self-training, metrics, the bundle."""
