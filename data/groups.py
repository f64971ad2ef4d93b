"""Groups: the units that a split must never cut - patients, tied together by shared files."""

from collections.abc import Hashable, Sequence


def join_groups(keys: Sequence[Sequence[Hashable]]) -> list[int]:
    """Number the connected components of rows that share any key.

    Args:
        keys: for each row the things that tie it to others (patient, file content, block).

    Returns:
        One component number a row, counted in order of first appearance. Rows with an equal key
        have the same number, transitively (union-find with path halving).
    """
    parent = list(range(len(keys)))

    def find(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    owner: dict[Hashable, int] = {}
    for row, row_keys in enumerate(keys):
        for key in row_keys:
            first = owner.setdefault(key, row)
            low, high = sorted((find(first), find(row)))
            parent[high] = low
    numbers: dict[int, int] = {}
    return [numbers.setdefault(find(row), len(numbers)) for row in range(len(keys))]
