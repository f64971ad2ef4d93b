import io
import struct
import warnings
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from features.decode import MAX_BYTES, MAX_PIXELS, UnreadableImageError, decode
from tests.features.images import encode, noise
from tests.shared import BCCD, CNMC_SAMPLES, needs_shared, pbc_cells

RGB = noise()
GREY = RGB[..., 0]
DEEP = np.random.default_rng(1).integers(0, 2**16, (20, 24)).astype(np.uint16)
TIFFS = ("raw", "tiff_lzw", "tiff_deflate", "packbits", "jpeg")
CONTENT = {
    "jpeg": encode(RGB, "JPEG"),
    "progressive": encode(RGB, "JPEG", progressive=True),
    "cmyk": encode(Image.fromarray(RGB).convert("CMYK"), "JPEG"),
    "png": encode(RGB, "PNG"),
    "palette": encode(Image.fromarray(RGB).convert("P"), "PNG"),
    "deep": encode(DEEP, "PNG"),
    "bmp": encode(RGB, "BMP"),
    **{kind: encode(RGB, "TIFF", compression=kind) for kind in TIFFS},
}
WHOLE = {kind: decode(content) for kind, content in CONTENT.items()}
ORIENTATION = 0x0112


def reason(content: bytes) -> str:
    with pytest.raises(UnreadableImageError) as caught:
        decode(content)
    return str(caught.value)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF"])
@pytest.mark.parametrize("colour", [(255, 0, 0), (0, 255, 0), (0, 0, 255), (200, 100, 30)])
def test_channels_are_red_green_blue(kind: str, colour: tuple[int, int, int]) -> None:
    plain = np.full((5, 7, 3), colour, np.uint8)
    assert np.array_equal(decode(encode(plain, kind)), plain)
    by_opencv = cv2.imencode(f".{kind.lower()}", plain[..., ::-1])[1].tobytes()
    assert np.array_equal(decode(by_opencv), plain)
    assert np.abs(decode(encode(plain, "JPEG", quality=95)).astype(int) - plain).max() <= 4


@pytest.mark.parametrize("kind", ["png", "bmp", "raw", "tiff_lzw", "tiff_deflate", "packbits"])
def test_lossless_files_keep_every_pixel(kind: str) -> None:
    assert np.array_equal(WHOLE[kind], RGB)


@pytest.mark.parametrize("kind", CONTENT)
def test_every_image_becomes_rgb_uint8(kind: str) -> None:
    assert WHOLE[kind].shape == (20, 24, 3)
    assert WHOLE[kind].dtype == np.uint8


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF"])
def test_grey_and_black_and_white_have_three_equal_channels(kind: str) -> None:
    assert np.array_equal(decode(encode(GREY, kind)), np.dstack([GREY] * 3))
    bits = Image.fromarray(GREY).point(lambda value: 255 * (value > 127)).convert("1")
    expected = np.where(GREY > 127, 255, 0)
    assert np.array_equal(decode(encode(bits, kind)), np.dstack([expected] * 3))


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_keep_the_upper_eight(kind: str) -> None:
    expected = np.dstack([DEEP >> 8] * 3)
    assert np.array_equal(decode(encode(DEEP, kind)), expected)
    colour = cv2.imencode(f".{kind.lower()}", np.dstack([DEEP, DEEP // 2, DEEP // 4]))[1].tobytes()
    assert np.abs(decode(colour)[..., 2].astype(int) - (DEEP >> 8)).max() <= 1


def test_palettes_become_their_colours() -> None:
    palette = Image.fromarray(RGB).quantize(16)
    for kind in ("PNG", "BMP", "TIFF"):
        assert np.array_equal(decode(encode(palette, kind)), np.asarray(palette.convert("RGB")))


@pytest.mark.parametrize(
    ("mode", "kind"),
    [("RGBA", "PNG"), ("LA", "PNG"), ("P", "PNG"), ("RGBA", "TIFF"), ("LA", "TIFF")],
)
def test_transparency_lies_over_white(mode: str, kind: str) -> None:
    red = Image.new("RGBA", (4, 4), (255, 0, 0, 255))
    red.paste((0, 0, 0, 0), (0, 0, 4, 2))
    image = red.quantize(4) if mode == "P" else red.convert(mode)
    found = decode(encode(image, kind))
    assert (found[:2] == 255).all()
    assert np.array_equal(found[2:], np.asarray(red.convert(mode).convert("RGB"))[2:])


def test_premultiplied_tiff_transparency_lies_over_white() -> None:
    straight = encode(Image.new("RGBA", (4, 4), (0, 0, 0, 0)), "TIFF")
    extra = struct.pack("<HHI", 338, 3, 1)  # tag ExtraSamples, type SHORT, one value
    at = straight.index(extra) + len(extra)
    assert straight[at] == 2
    assert (decode(straight[:at] + b"\x01" + straight[at + 1 :]) == 255).all()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotation_is_applied_once(kind: str, orientation: int) -> None:
    blocks = np.kron(noise(3, 2, 3), np.ones((8, 8, 1), np.uint8))
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    tagged = Image.open(io.BytesIO(encode(blocks, "PNG", exif=exif)))
    expected = np.asarray(ImageOps.exif_transpose(tagged)).astype(int)
    found = decode(encode(blocks, kind, exif=exif)).astype(int)
    assert found.shape == expected.shape
    assert np.abs(found - expected)[4::8, 4::8].max() <= (30 if kind == "JPEG" else 0)


def test_a_damaged_exif_block_does_not_cost_the_image() -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    exif[0x011A] = 72.0
    exif[0x0110] = "microscope"
    content = bytearray(encode(RGB, "JPEG", exif=exif))
    start = content.index(b"Exif")
    for position in range(start + 6, start + 60):
        for value in (0, 1, 4, 255):
            damaged = content.copy()
            damaged[position] = value
            assert sorted(decode(bytes(damaged)).shape) == [3, 20, 24]


def test_several_pages_or_frames_are_refused() -> None:
    frames = [Image.fromarray(noise(seed)) for seed in (1, 2, 3)]
    for kind in ("TIFF", "PNG"):
        assert reason(encode(frames[0], kind, save_all=True, append_images=frames[1:])).startswith(
            "3 pages or frames"
        )


def test_a_phone_picture_with_a_preview_behind_it_is_its_first_picture() -> None:
    cell, preview = (Image.new("RGB", (24, 20), colour) for colour in ((200, 30, 60), "blue"))
    decoded = decode(encode(cell, "MPO", save_all=True, append_images=[preview]))
    assert np.abs(decoded - np.array([200.0, 30, 60])).max() <= 4


def archive() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        file.writestr("a.png", CONTENT["png"])
    return stream.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"cell,label\n1,blast\n",
        b"<!DOCTYPE html><html><body>404 Not Found</body></html>",
        b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n",
        b"\0" * 5000,
        b"BM",
        archive(),
        encode(RGB, "GIF"),
        encode(RGB, "WEBP"),
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
    ],
    ids=["text", "html", "lfs", "zeros", "two bytes", "zip", "gif", "webp", "eps"],
)
def test_what_is_no_image_of_the_four_kinds_is_refused(content: bytes) -> None:
    assert reason(content) == "not an image (JPEG, PNG, BMP or TIFF)"


def test_an_empty_file_is_called_empty() -> None:
    assert reason(b"") == "empty file"


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


@pytest.mark.parametrize(("width", "height"), [(60_000, 60_000), (2**31 - 1, 2), (9000, 9000)])
def test_a_tiny_file_that_claims_a_huge_image_is_refused_unread(width: int, height: int) -> None:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    data = chunk(b"IDAT", zlib.compress(bytes(100)))
    assert width * height > MAX_PIXELS
    assert "too large" in reason(b"\x89PNG\r\n\x1a\n" + header + data + chunk(b"IEND", b""))


@pytest.mark.parametrize(("width", "height"), [(0, 5), (5, 0), (0, 0)])
def test_an_image_without_pixels_is_refused(width: int, height: int) -> None:
    bmp = bytearray(CONTENT["bmp"])
    bmp[18:26] = struct.pack("<ii", width, height)
    assert reason(bytes(bmp))
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    assert reason(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IEND", b""))


def test_a_file_beyond_the_limit_is_refused_unread() -> None:
    assert "too large" in reason(bytes(MAX_BYTES + 1))


def test_floating_point_pixels_are_refused() -> None:
    assert "floating-point" in reason(encode(Image.new("F", (4, 4)), "TIFF"))


@settings(max_examples=400, deadline=None)
@given(kind=st.sampled_from(sorted(CONTENT)), cut=st.floats(0, 1, exclude_max=True))
@example(kind="jpeg", cut=0.999)
@example(kind="bmp", cut=0.999)
def test_a_cut_file_is_refused_unless_nothing_is_lost(kind: str, cut: float) -> None:
    content = CONTENT[kind]
    try:
        found = decode(content[: int(cut * len(content))])
    except UnreadableImageError as error:
        assert str(error)
    else:
        assert np.array_equal(found, WHOLE[kind])


@settings(max_examples=600, deadline=None)
@given(
    kind=st.sampled_from(sorted(CONTENT)),
    changes=st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=6),
    head=st.booleans(),
)
def test_altered_bytes_never_fail_otherwise(
    kind: str, changes: list[tuple[int, int]], head: bool
) -> None:
    content = bytearray(CONTENT[kind])
    for position, value in changes:
        content[position % (min(200, len(content)) if head else len(content))] = value
    try:
        found = decode(bytes(content))
    except UnreadableImageError:
        return
    assert found.dtype == np.uint8
    assert found.ndim == 3
    assert found.shape[2] == 3


@given(st.binary(max_size=200), st.sampled_from([b"", b"BM", b"II*\0", b"MM\0*", b"\xff\xd8\xff"]))
def test_arbitrary_bytes_never_fail_otherwise(content: bytes, magic: bytes) -> None:
    with pytest.raises(UnreadableImageError):
        decode(magic + content)


def test_decoding_gives_the_same_in_many_threads() -> None:
    kinds = [*CONTENT] * 8
    with warnings.catch_warnings(), ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda kind: decode(CONTENT[kind]), kinds))
    assert all(np.array_equal(each, WHOLE[kind]) for each, kind in zip(found, kinds, strict=True))


@needs_shared
def test_real_images_decode_as_opencv_does() -> None:
    fields = sorted(BCCD.rglob("*.jpg"))[:2]
    for path in [*pbc_cells(8), *sorted(CNMC_SAMPLES.rglob("*.bmp"))[:3], *fields]:
        expected = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB).astype(int)
        difference = np.abs(decode(path.read_bytes()) - expected)
        assert difference.mean() < 1, path


@needs_shared
def test_a_real_jpeg_cut_anywhere_is_refused() -> None:
    content = pbc_cells(1)[0].read_bytes()
    for share in np.linspace(0.05, 0.99, 25):
        assert "damaged" in reason(content[: int(share * len(content))])
