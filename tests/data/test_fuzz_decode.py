import io
import struct
from collections.abc import Callable
from functools import cache

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from data.decode import (
    MAX_PIXELS,
    NOT_AN_IMAGE,
    TOO_LARGE,
    UNREADABLE,
    UnreadableImageError,
    decode,
)
from tests.data.images import encode
from tests.data.odd_images import ODD_IMAGES
from tests.shared import CNMC_SAMPLES, needs_shared, pbc_cells

LENGTHS = (0, 1, 2**7, 2**8 - 1, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1)
Mutation = Callable[[bytearray, int, int, int], None]


def flip(content: bytearray, at: int, size: int, value: int) -> None:
    for position in range(at, min(at + size % 8 + 1, len(content))):
        content[position] ^= value % 255 + 1


def truncate(content: bytearray, at: int, size: int, value: int) -> None:
    del content[at:]


def delete(content: bytearray, at: int, size: int, value: int) -> None:
    del content[at : at + size]


def insert(content: bytearray, at: int, size: int, value: int) -> None:
    content[at:at] = bytes([value % 256]) * size


def repeat(content: bytearray, at: int, size: int, value: int) -> None:
    content[at:at] = content[at : at + size]


def splice(content: bytearray, at: int, size: int, value: int) -> None:
    start = value % len(content)
    content[at : at + size] = content[start : start + size]


def write_length(content: bytearray, at: int, size: int, value: int) -> None:
    form = ("<I", ">I", "<H", ">H")[size % 4]
    number = LENGTHS[value % len(LENGTHS)] & (0xFFFF if size % 4 > 1 else 0xFFFFFFFF)
    content[at : at + struct.calcsize(form)] = struct.pack(form, number)


MUTATIONS: tuple[Mutation, ...] = (
    flip, truncate, delete, insert, repeat, splice, write_length,
)  # fmt: skip
STEPS = st.lists(
    st.tuples(
        st.sampled_from(MUTATIONS),
        # Most of what a reader believes stands in the first bytes, or in a TIFF in the last.
        st.one_of(st.integers(0, 200), st.integers(-200, -1), st.integers(0, 2**31)),
        st.integers(1, 200),
        st.integers(0, 2**31),
    ),
    min_size=1,
    max_size=5,
)


def mutated(content: bytes, steps: list[tuple[Mutation, int, int, int]]) -> bytes:
    changed = bytearray(content)
    for mutation, at, size, value in steps:
        if changed:
            mutation(changed, at % len(changed), size, value)
    return bytes(changed)


def check(content: bytes) -> None:
    try:
        found = decode(content)
    except UnreadableImageError as error:
        assert error.outcome in (UNREADABLE, TOO_LARGE, NOT_AN_IMAGE)
        assert str(error).isprintable()
        assert 0 < len(str(error)) <= 240
    else:
        assert found.dtype == np.uint8
        assert found.ndim == 3
        assert found.shape[2] == 3
        assert 0 < found.shape[0] * found.shape[1] <= MAX_PIXELS


@cache
def synthetic() -> tuple[bytes, ...]:
    return tuple(odd.make() for odd in ODD_IMAGES if odd.make())


@cache
def real() -> tuple[bytes, ...]:
    """Real cells as they are, and the middle of each re-encoded."""
    paths = [*pbc_cells(4), *sorted(CNMC_SAMPLES.rglob("*.bmp"))[:2]]
    files = [path.read_bytes() for path in paths]
    for content in files[:2]:
        cell = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
        middle = cv2.resize(cell, (60, 50), interpolation=cv2.INTER_AREA)
        files += [encode(middle, kind) for kind in ("PNG", "BMP", "JPEG")]
        files += [encode(middle, "TIFF", compression=kind) for kind in ("tiff_lzw", "tiff_deflate")]
        files.append(encode(middle, "JPEG", progressive=True))
    return tuple(files)


FUZZ = settings(
    max_examples=3000, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)


@FUZZ
@given(which=st.integers(0, 10**6), steps=STEPS)
def test_a_mutated_file_is_decoded_or_refused(
    which: int, steps: list[tuple[Mutation, int, int, int]]
) -> None:
    check(mutated(synthetic()[which % len(synthetic())], steps))


@needs_shared
@FUZZ
@given(which=st.integers(0, 10**6), steps=STEPS)
def test_a_mutated_real_image_is_decoded_or_refused(
    which: int, steps: list[tuple[Mutation, int, int, int]]
) -> None:
    check(mutated(real()[which % len(real())], steps))


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.__name__)
def test_each_mutation_changes_the_file(mutation: Mutation) -> None:
    content = bytes(range(1, 251))
    assert mutated(content, [(mutation, 100, 9, 5)]) != content
