import pickle
import struct
import warnings
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from data.decode import NOT_AN_IMAGE, TOO_LARGE, UNREADABLE, UnreadableImageError, decode
from tests.data.built_files import chunk, png, rows, tiff
from tests.data.images import encode, noise
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


def reason(content: bytes, outcome: str = UNREADABLE) -> str:
    with pytest.raises(UnreadableImageError) as caught:
        decode(content)
    assert caught.value.outcome == outcome
    return str(caught.value)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF"])
@pytest.mark.parametrize("colour", [(255, 0, 0), (0, 255, 0), (0, 0, 255), (200, 100, 30)])
def test_channels_are_red_green_blue(kind: str, colour: tuple[int, int, int]) -> None:
    plain = np.full((5, 7, 3), colour, np.uint8)
    assert np.array_equal(decode(encode(plain, kind)), plain)
    by_opencv = cv2.imencode(f".{kind.lower()}", plain[..., ::-1])[1].tobytes()
    assert np.array_equal(decode(by_opencv), plain)
    assert np.abs(decode(encode(plain, "JPEG", quality=95)).astype(int) - plain).max() <= 4


def test_palettes_become_their_colours() -> None:
    palette = Image.fromarray(RGB).quantize(16)
    for kind in ("PNG", "BMP", "TIFF"):
        assert np.array_equal(decode(encode(palette, kind)), np.asarray(palette.convert("RGB")))


def test_premultiplied_tiff_transparency_lies_over_white() -> None:
    straight = encode(Image.new("RGBA", (4, 4), (0, 0, 0, 0)), "TIFF")
    extra = struct.pack("<HHI", 338, 3, 1)  # tag ExtraSamples, type SHORT, one value
    at = straight.index(extra) + len(extra)
    assert straight[at] == 2
    assert (decode(straight[:at] + b"\x01" + straight[at + 1 :]) == 255).all()


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


def test_a_file_of_too_many_bytes_is_refused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    content = CONTENT["png"]
    monkeypatch.setattr("data.decode.MAX_BYTES", len(content))
    assert np.array_equal(decode(content), RGB)
    monkeypatch.setattr("data.decode.MAX_BYTES", len(content) - 1)
    assert "too large" in reason(content, TOO_LARGE)


def test_as_many_pixels_as_allowed_are_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("data.decode.MAX_PIXELS", RGB.shape[0] * RGB.shape[1])
    assert np.array_equal(decode(CONTENT["png"]), RGB)
    monkeypatch.setattr("data.decode.MAX_PIXELS", RGB.shape[0] * RGB.shape[1] - 1)
    assert "24x20" in reason(CONTENT["png"], TOO_LARGE)


def test_the_reason_and_the_outcome_survive_another_process() -> None:
    for content, outcome in ((b"", UNREADABLE), (b"text", NOT_AN_IMAGE)):
        with pytest.raises(UnreadableImageError) as caught:
            decode(content)
        back = pickle.loads(pickle.dumps(caught.value))
        assert (str(back), back.outcome) == (str(caught.value), outcome)


def test_a_reason_is_one_printable_line_that_fits_a_report(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(image: Image.Image) -> None:
        raise OSError("first line\n\x1b[31msecond " + "x" * 1000)

    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", fail)
    found = reason(CONTENT["png"])
    assert found.startswith("damaged: first line [31msecond xxx")
    assert len(found) <= 240


def test_lack_of_memory_is_no_fact_about_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(image: Image.Image) -> None:
        raise MemoryError

    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", fail)
    with pytest.raises(MemoryError):
        decode(CONTENT["png"])


def test_a_long_chain_of_pages_is_not_walked() -> None:
    page = tiff(RGB.tobytes())
    chain = b"".join(struct.pack("<HI", 0, len(page) + 6 * n) for n in range(1, 200_000))
    content = tiff(RGB.tobytes(), following=len(page)) + chain
    assert "several pages" in reason(content)


def test_warnings_stay_silent_in_every_thread_and_are_on_again_afterwards() -> None:
    odd = png(rows(RGB), before=chunk(b"acTL", bytes(8)))  # Pillow warns of no frames
    before = list(warnings.filters)
    with ThreadPoolExecutor(8) as pool:
        assert all(np.array_equal(each, RGB) for each in pool.map(decode, [odd] * 400))
    assert warnings.filters == before


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


@given(st.binary(max_size=200), st.sampled_from([b"", b"BM", b"II*\0", b"MM\0*", b"\xff\xd8\xff"]))
def test_arbitrary_bytes_never_fail_otherwise(content: bytes, magic: bytes) -> None:
    with pytest.raises(UnreadableImageError):
        decode(magic + content)


def test_decoding_gives_the_same_in_many_threads() -> None:
    kinds = [*CONTENT] * 8
    with ThreadPoolExecutor(8) as pool:
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
