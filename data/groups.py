"""Groups: the units that a split must never cut - patients, tied together by shared files."""

from collections import Counter
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


def name_groups(numbers: Sequence[int], tags: Sequence[str], image_ids: Sequence[str]) -> list[str]:
    """A name for each group: all its tags (patients, blocks), or its first image if it has none.

    Args:
        numbers: the group of each row. tags: of each row, empty where it has none.
        image_ids: of each row.

    Returns:
        One name a row; rows have the same name exactly if they have the same number.
    """
    tagged: dict[int, set[str]] = {}
    first: dict[int, str] = {}
    for number, tag, image_id in zip(numbers, tags, image_ids, strict=True):
        tagged.setdefault(number, set()).update({tag} if tag else ())
        first[number] = min(image_id, first.get(number, image_id))
    called = {
        number: "+".join(sorted(names, key=lambda name: (len(name), name))) or first[number]
        for number, names in tagged.items()
    }
    count = Counter(called.values())
    unique = {
        number: name if count[name] == 1 else f"{name} ({number})"
        for number, name in called.items()
    }
    return [unique[number] for number in numbers]
