"""What an image tells without its cell: exact where the truth is known, sane for any image."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.audit.properties import (
    DTYPE,
    FORMATS,
    GRID,
    NO_QUALITY,
    NUMBERS,
    PART_TITLES,
    jpeg_quality,
    parts_of,
    properties,
    size_names,
)
from data.errors import BlastlineError
from tests.data.audit.drawn_cells import cell, label, record
from tests.data.images import encode, noise


def test_every_quality_of_libjpeg_is_read_off_its_tables() -> None:
    image = noise(0, 8, 8)
    qualities = range(1, 101)
    assert [jpeg_quality(encode(image, "JPEG", quality=q)) for q in qualities] == list(qualities)


def test_tables_of_another_program_get_the_quality_most_like_theirs() -> None:
    standard = encode(noise(0, 8, 8), "JPEG", quality=80)
    at = standard.index(b"\xff\xdb") + 5
    other = bytearray(standard)
    other[at : at + 64] = bytes(min(255, value + 1) for value in other[at : at + 64])
    assert 70 <= jpeg_quality(bytes(other)) <= 80


@given(st.binary(max_size=300))
def test_a_jpeg_of_any_bytes_has_a_quality_or_none(rest: bytes) -> None:
    assert NO_QUALITY <= jpeg_quality(b"\xff\xd8" + rest) <= 100
    assert NO_QUALITY <= jpeg_quality(b"\xff\xd8\xff\xdb\x00\x43" + rest) <= 100


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "TIFF"])
def test_the_file_is_described_as_it_lies_on_disk(kind: str) -> None:
    content = encode(noise(0, 30, 50), kind)
    found = properties(content, noise(0, 30, 50))
    assert FORMATS[found["format"]] == kind.lower()
    assert found["bytes"] == len(content)
    assert size_names(found[None]).tolist() == ["50x30"]
    assert (found["quality"] == NO_QUALITY) == (kind != "JPEG")


def test_another_format_is_refused_in_one_line() -> None:
    with pytest.raises(BlastlineError, match="expected a JPEG, PNG, BMP or TIFF"):
        properties(b"GIF89a", noise())


def test_border_and_black_share_are_those_of_the_pixels() -> None:
    image = np.full((100, 200, 3), 128, np.uint8)
    image[:, :1] = image[:, -1:] = image[:1] = image[-1:] = (10, 200, 30)
    image[20:70, 50:100] = 3  # an eighth of the pixels
    found = record(image)
    assert found["border"].tolist() == [10, 200, 30]
    assert found["black"] == pytest.approx(0.125)


def test_the_twelve_numbers_are_what_their_names_say() -> None:
    image = cell(np.random.default_rng(0))
    numbers = dict(zip(NUMBERS, record(image)["numbers"].tolist(), strict=True))
    for channel, name in enumerate(("red", "green", "blue")):
        assert numbers[f"mean {name}"] == pytest.approx(image[..., channel].mean(), rel=1e-5)
        assert numbers[f"spread of {name}"] == pytest.approx(image[..., channel].std(), rel=1e-4)
    chroma = np.ptp(image.astype(int), axis=2)
    assert numbers["mean chroma"] == pytest.approx(chroma.mean(), rel=1e-5)
    sharper = label(image, "20")
    assert record(sharper)["numbers"][10] > record(image)["numbers"][10]


@given(st.integers(1, 70), st.integers(1, 70), st.sampled_from([0, 128, 255, None]))
def test_any_image_has_finite_properties(height: int, width: int, level: int | None) -> None:
    image = noise(0, height, width)
    if level is not None:
        image[:] = level
    found = record(image)
    assert np.isfinite(found["numbers"]).all()
    assert 0 <= found["black"] <= 1
    if level is not None:
        assert (found["picture"] == level).all()
        assert not found["edges"].any()


def test_a_large_field_is_measured_at_a_bounded_size() -> None:
    found = record(noise(0, 40, 3000))
    assert size_names(found[None]).tolist() == ["3000x40"]
    assert found["picture"].shape == (GRID, GRID, 3)


def test_a_record_is_small_and_survives_the_disk() -> None:
    found = record(cell(np.random.default_rng(0)))
    assert found.dtype == DTYPE
    assert DTYPE.itemsize < 4500
    assert np.frombuffer(found.tobytes(), DTYPE)[0].tobytes() == found.tobytes()


def test_edges_are_strong_where_a_label_stands() -> None:
    image = cell(np.random.default_rng(0))
    before, after = (record(each)["edges"].astype(int) for each in (image, label(image, "20 um")))
    rows, columns = np.nonzero(after > before + 20)
    assert len(rows) >= 10
    assert rows.min() >= 0.75 * GRID
    assert columns.min() >= 0.5 * GRID


@pytest.mark.parametrize(
    ("place", "seen_by"),
    [
        ((slice(0, 4), slice(0, 4)), {"top", "left", "border", "top_left"}),
        ((slice(-4, None), slice(-4, None)), {"bottom", "right", "border", "bottom_right"}),
        ((slice(0, 4), slice(58, 62)), {"top", "border"}),
        ((slice(58, 62), slice(58, 62)), set()),
    ],
)
def test_a_part_sees_its_own_place_alone(place: tuple[slice, slice], seen_by: set[str]) -> None:
    image = cell(np.random.default_rng(0), 128, 128)
    marked = image.copy()
    marked[place] = 0
    before, after = (parts_of(record(each)[None]) for each in (image, marked))
    everywhere = {"file", "mean_colour", "global_numbers", "border_colour"}
    differ = {name for name in before if not np.array_equal(before[name], after[name])}
    assert differ - everywhere == seen_by


def test_parts_are_rows_of_numbers_under_the_names_that_have_titles() -> None:
    rng = np.random.default_rng(0)
    parts = parts_of(np.stack([record(cell(rng)) for _ in range(3)]))
    assert list(parts) == list(PART_TITLES)
    assert all(part.shape[0] == 3 and part.dtype == np.float32 for part in parts.values())
    assert parts["global_numbers"].shape == (3, 12)
