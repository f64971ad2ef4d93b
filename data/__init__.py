"""Which images there are: cards, manifest, groups, splits, synthetic cells."""
