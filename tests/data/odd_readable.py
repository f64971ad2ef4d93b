"""Odd image files that are decoded, and the pixels that each holds."""

import struct
from functools import partial

import numpy as np
from PIL import Image

from tests.data.built_files import HEIGHT, bmp, bottom_up, chunk, packed, png, quads, rows, tiff
from tests.data.images import encode, noise
from tests.data.odd_kinds import (
    ALPHA,
    BITS,
    BLOCKS,
    BMP,
    DEEP,
    DEEP_RGB,
    FEW_RGB,
    GREY,
    GREY_LAID,
    INDICES,
    INKS,
    JPEG,
    LAID,
    MAP,
    MASKS,
    PALETTE,
    PLANES,
    PNG,
    RGB,
    SMOOTH,
    TILED,
    TILES,
    TRUE_BLOCKS,
    YCBCR,
    YCBCR_RGB,
    OddImage,
    cmyk,
    good,
    grey,
    interlaced,
    phone,
    rotated,
    run_lengths,
    ycck,
)

READABLE: tuple[OddImage, ...] = (
    good("jpg-colour", lambda: JPEG, SMOOTH, 6),
    good("jpg-grey", lambda: encode(SMOOTH[..., 0], "JPEG", quality=95), grey(SMOOTH[..., 0]), 4),
    good(
        "jpg-progressive", lambda: encode(SMOOTH, "JPEG", quality=95, progressive=True), SMOOTH, 6
    ),
    good("jpg-cmyk", cmyk, SMOOTH, 8),
    good("jpg-ycck", ycck, SMOOTH, 8),
    good("jpg-preview-behind", phone, SMOOTH, 6),
    good("jpg-trailing-garbage", lambda: JPEG + b"\0garbage" * 99, SMOOTH, 6),
    good("jpg-that-is-png", lambda: PNG, RGB),
    good("png-trailing-garbage", lambda: PNG + b"\0garbage" * 99, RGB),
    good("png-that-is-jpeg", lambda: JPEG, SMOOTH, 6),
    good(
        "png-black-and-white",
        lambda: png(rows(packed(BITS, 1)), depth=1, colour=0),
        grey(BITS * 255),
    ),
    good(
        "png-grey-2",
        lambda: png(rows(packed(GREY >> 6, 2)), depth=2, colour=0),
        grey((GREY >> 6) * 85),
    ),
    good(
        "png-grey-4",
        lambda: png(rows(packed(GREY >> 4, 4)), depth=4, colour=0),
        grey((GREY >> 4) * 17),
    ),
    good(
        "png-grey-2-clear",
        lambda: png(rows(packed(GREY >> 6, 2)), depth=2, colour=0, before=chunk(b"tRNS", b"\0\1")),
        grey(np.where(GREY >> 6 == 1, 255, (GREY >> 6) * 85)),
    ),
    good("png-grey-16", lambda: png(rows(DEEP.astype(">u2")), depth=16, colour=0), grey(DEEP >> 8)),
    good(
        "png-grey-16-clear",
        lambda: png(
            rows(DEEP.astype(">u2")),
            depth=16,
            colour=0,
            before=chunk(b"tRNS", struct.pack(">H", DEEP[0, 0])),
        ),
        grey(np.where(DEEP[0, 0] == DEEP, 255, DEEP >> 8)),
    ),
    good("png-colour-16", lambda: png(rows(DEEP_RGB.astype(">u2")), depth=16), DEEP_RGB >> 8),
    good(
        "png-colour-clear",
        lambda: png(rows(RGB), before=chunk(b"tRNS", RGB[0, 0].astype(">u2").tobytes())),
        np.where((RGB[0, 0] == RGB).all(-1)[..., None], 255, RGB),
    ),
    good(
        "png-palette-4",
        lambda: png(rows(packed(INDICES, 4)), depth=4, colour=3, before=chunk(b"PLTE", PALETTE)),
        FEW_RGB,
    ),
    good(
        "png-palette-2",
        lambda: png(
            rows(packed(INDICES & 3, 2)), depth=2, colour=3, before=chunk(b"PLTE", PALETTE)
        ),
        np.frombuffer(PALETTE, np.uint8).reshape(-1, 3)[INDICES & 3],
    ),
    good(
        "png-palette-clear",
        lambda: png(
            rows(INDICES), colour=3, before=chunk(b"PLTE", PALETTE) + chunk(b"tRNS", b"\xff\0")
        ),
        np.where(INDICES[..., None] == 1, 255, FEW_RGB),
    ),
    good(
        "png-grey-alpha",
        lambda: encode(Image.merge("LA", [Image.fromarray(each) for each in (GREY, ALPHA)]), "PNG"),
        grey(GREY_LAID),
    ),
    good("png-colour-alpha", lambda: encode(np.dstack([RGB, ALPHA]), "PNG"), LAID),
    good(
        "png-half-clear",
        lambda: encode(np.dstack([RGB, np.full_like(GREY, 128)]), "PNG"),
        RGB * (128 / 255) + 127,
        1,
    ),
    good("png-interlaced", interlaced, grey(GREY)),
    good(
        "png-damaged-profile", lambda: png(rows(RGB), before=chunk(b"iCCP", b"a\0\0nonsense")), RGB
    ),
    good("bmp-bottom-up", lambda: bmp(bottom_up(RGB[..., ::-1]), 24), RGB),
    good("bmp-top-down", lambda: bmp(bottom_up(RGB[::-1, :, ::-1]), 24, height=-HEIGHT), RGB),
    good(
        "bmp-1",
        lambda: bmp(bottom_up(packed(BITS, 1)), 1, quads(b"\0\0\0\xff\xff\xff")),
        grey(BITS * 255),
    ),
    good("bmp-4", lambda: bmp(bottom_up(packed(INDICES, 4)), 4, quads(PALETTE)), FEW_RGB),
    good("bmp-8", lambda: bmp(bottom_up(INDICES), 8, quads(PALETTE)), FEW_RGB),
    good("bmp-run-lengths", run_lengths, FEW_RGB),
    good(
        "bmp-16",
        lambda: bmp(bottom_up((GREY >> 3).astype(np.uint16) * 0x421), 16),
        grey((GREY >> 3) * (255 / 31)),
        1,
    ),
    good("bmp-32", lambda: bmp(bottom_up(np.dstack([RGB[..., ::-1], ALPHA])), 32), RGB),
    good(
        "bmp-32-alpha",
        lambda: bmp(bottom_up(np.dstack([RGB[..., ::-1], ALPHA])), 32, compression=3, masks=MASKS),
        LAID,
    ),
    good("tif-built", lambda: tiff(RGB.tobytes()), RGB),
    good("tif-that-is-bmp", lambda: BMP, RGB),
    good("tif-big-endian", lambda: tiff(RGB.tobytes(), order=">"), RGB),
    good("tif-bigtiff", lambda: tiff(RGB.tobytes(), big=True), RGB),
    good("tif-planes", lambda: tiff(np.moveaxis(RGB, -1, 0).tobytes(), tags=PLANES), RGB),
    good("tif-tiles", lambda: tiff(TILES.tobytes(), tags=TILED), RGB),
    good("tif-zero-is-white", lambda: tiff(GREY.tobytes(), 1, photometric=0), grey(255 - GREY)),
    good("tif-16-zero-is-white", lambda: tiff(DEEP.tobytes(), 1, 16, 0), grey(65535 - DEEP >> 8)),
    good("tif-12", lambda: tiff(packed(DEEP >> 4, 12).tobytes(), 1, 12, 1), grey(DEEP >> 8)),
    good("tif-16", lambda: tiff(DEEP.tobytes(), 1, 16, 1), grey(DEEP >> 8)),
    good(
        "tif-16-big-endian",
        lambda: tiff(DEEP.astype(">u2").tobytes(), 1, 16, 1, order=">"),
        grey(DEEP >> 8),
    ),
    good(
        "tif-16-deflated", lambda: encode(DEEP, "TIFF", compression="tiff_deflate"), grey(DEEP >> 8)
    ),
    good("tif-colour-16", lambda: tiff(DEEP_RGB.tobytes(), bits=16), DEEP_RGB >> 8),
    good(
        "tif-colour-16-big-endian",
        lambda: tiff(DEEP_RGB.astype(">u2").tobytes(), bits=16, order=">"),
        DEEP_RGB >> 8,
    ),
    good(
        "tif-palette", lambda: tiff(GREY.tobytes(), 1, photometric=3, tags={320: MAP}), grey(GREY)
    ),
    good("tif-alpha", lambda: encode(np.dstack([RGB, ALPHA]), "TIFF"), LAID),
    good(
        "tif-grey-premultiplied",
        lambda: tiff(np.dstack([GREY & ALPHA, ALPHA]).tobytes(), 2, photometric=1, tags={338: [1]}),
        grey(GREY_LAID),
    ),
    good("tif-cmyk", lambda: encode(INKS, "TIFF"), RGB),
    good("tif-cmyk-lzw", lambda: encode(INKS, "TIFF", compression="tiff_lzw"), RGB),
    good("tif-ycbcr", lambda: encode(YCBCR, "TIFF"), YCBCR_RGB),
    good("tif-ycbcr-lzw", lambda: encode(YCBCR, "TIFF", compression="tiff_lzw"), YCBCR_RGB, 2),
    good(
        "tif-lab",
        lambda: tiff(bytes([138, 81, 70]) * 480, photometric=8),
        np.broadcast_to((255, 0, 0), RGB.shape),
        6,
    ),
    good("tif-jpeg", lambda: encode(SMOOTH, "TIFF", compression="jpeg", quality=95), SMOOTH, 6),
    good("tif-packbits", lambda: encode(RGB, "TIFF", compression="packbits"), RGB),
    good("tif-loop-of-pages", lambda: tiff(RGB.tobytes(), following=8), RGB),
    *(
        good(f"{kind.lower()}-turned-{turn}", partial(rotated, kind, turn), true)
        for kind in ("PNG", "TIFF")
        for turn, true in TRUE_BLOCKS.items()
    ),
    *(
        good(
            f"jpeg-turned-{turn}",
            partial(rotated, "JPEG", turn, quality=95, subsampling=0),
            true,
            8,
        )
        for turn, true in TRUE_BLOCKS.items()
    ),
    good("jpeg-turned-absurdly", lambda: rotated("JPEG", 77, quality=95, subsampling=0), BLOCKS, 8),
    good("png-one-pixel", lambda: encode(RGB[:1, :1], "PNG"), RGB[:1, :1]),
    good("png-one-row", lambda: encode(noise(5, 1, 40_000), "PNG"), noise(5, 1, 40_000)),
    good("bmp-one-column", lambda: encode(noise(6, 40_000, 1), "BMP"), noise(6, 40_000, 1)),
)
