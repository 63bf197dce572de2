"""Kinds of image files that people have, as bytes, and what Pillow makes of them, for tests/image/image_kinds_test.cpp."""
import io
import struct
import sys
import zlib
import numpy as np
from PIL import Image
from safetensors.numpy import save_file

rng = np.random.default_rng(3)
y, x = np.mgrid[0:29, 0:37]
rgb = np.clip(np.stack([127 + 120 * np.sin(x / 7 + y / 11), 6 * x, 8 * y], -1) + rng.normal(0, 4, (29, 37, 3)), 0, 255).astype(np.uint8)
alpha = (5 * x + y).astype(np.uint8)
color = Image.fromarray(rgb)
gray = color.convert("L")
out = {}


def saved(image, kind, **settings):
    file = io.BytesIO()
    image.save(file, kind, **settings)
    return file.getvalue()


def add(name, data, expected=None):
    out[f"{name}.bytes"] = np.frombuffer(data, np.uint8)
    out[f"{name}.rgb"] = np.asarray(Image.open(io.BytesIO(data)).convert("RGB")) if expected is None else expected


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width, height, depth, color_type, rows, interlaced=0):
    header = struct.pack(">IIBBBBB", width, height, depth, color_type, 0, 0, interlaced)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


add("png_rgb", saved(color, "PNG"))
add("png_gray", saved(gray, "PNG"))
add("png_black_and_white", saved(gray.convert("1"), "PNG"))
add("png_palette", saved(color.quantize(11), "PNG"))
add("png_palette_transparent", saved(color.quantize(11), "PNG", transparency=3))
rgba = color.copy()
rgba.putalpha(Image.fromarray(alpha))
add("png_rgba", saved(rgba, "PNG"))
gray_alpha = gray.copy()
gray_alpha.putalpha(Image.fromarray(alpha))
add("png_gray_alpha", saved(gray_alpha, "PNG"))

# Pillow keeps only the high byte of 16 bits; the nearest of 255 levels is v / 257.
deep = rng.integers(0, 65536, (29, 37), dtype=np.uint16)
nearest = np.round(deep / 257).astype(np.uint8)
add("png_gray_16", saved(Image.fromarray(deep), "PNG"), np.repeat(nearest[..., None], 3, -1))
deep = rng.integers(0, 65536, (29, 37, 3), dtype=np.uint16)
add("png_rgb_16", png(37, 29, 16, 2, b"".join(b"\0" + row.astype(">u2").tobytes() for row in deep)), np.round(deep / 257).astype(np.uint8))

# Pillow reads interlaced files (Adam7, PNG specification, 8.2) but does not write them.
passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]  # left, top, across, down
add("png_interlaced", png(37, 29, 8, 2, b"".join(b"\0" + row.tobytes() for left, top, across, down in passes for row in rgb[top::down, left::across]), 1))

add("jpeg_rgb", saved(color, "JPEG", quality=90))
add("jpeg_progressive", saved(color, "JPEG", quality=90, progressive=True))
add("jpeg_444", saved(color, "JPEG", quality=90, subsampling=0))
add("jpeg_gray", saved(gray, "JPEG", quality=90))
add("jpeg_cmyk", saved(color.convert("CMYK"), "JPEG", quality=95))

add("other_bmp", saved(color, "BMP"))
add("other_tiff", saved(color, "TIFF", compression="tiff_lzw"))
add("other_webp", saved(color, "WEBP", lossless=True))

save_file({k: np.ascontiguousarray(v) for k, v in out.items()}, sys.argv[1] if len(sys.argv) > 1 else "tests/goldens/image_kinds.safetensors")
