"""Writes pictures.safetensors: 400 small PNG and JPEG pictures of all kinds and what Pillow makes of them,
large_pictures.safetensors: some of 300 x 200 pixels, and resized.safetensors: 200 pairs of sizes and fits with Pillow's
BILINEAR.

Run with Pillow and NumPy of PyPI (13.0 and 2.4): python3 tests/golden/make_picture_golden.py [FOLDER]
"""
import io
import json
import os
import random
import struct
import sys
import zlib

import numpy as np
from PIL import Image, ImageOps

WHITE = 255
ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


def write_safetensors(path, tensors, metadata):
    types = {"uint8": "U8", "int64": "I64"}
    header, blobs, offset = {"__metadata__": metadata}, [], 0
    for name, array in sorted(tensors.items(), key=lambda item: str(item[1].dtype) != "int64"):
        blob = np.ascontiguousarray(array).tobytes()
        header[name] = {"dtype": types[str(array.dtype)], "shape": list(array.shape),
                        "data_offsets": [offset, offset + len(blob)]}
        offset += len(blob)
        blobs.append(blob)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(blobs))


def smooth(rng, height, width, channels):
    """A picture as people have them: a few waves, and some noise. [height, width, channels] of 0 to 255."""
    y, x = np.mgrid[0:height, 0:width]
    planes = []
    for _ in range(channels):
        value = np.full((height, width), rng.uniform(60, 200))
        for _ in range(3):
            value += rng.uniform(10, 50) * np.sin(rng.uniform(-0.3, 0.3) * x + rng.uniform(-0.3, 0.3) * y + rng.uniform(0, 6))
        value += np.array([rng.gauss(0, 3) for _ in range(height * width)]).reshape(height, width)
        planes.append(value)
    return np.clip(np.rint(np.stack(planes, -1)), 0, 255).astype(np.uint8)


def packed_rows(samples, depth):
    """Rows of a picture [height, width, samples] of integers as PNG packs them."""
    rows = []
    for row in samples:
        flat = row.reshape(-1)
        if depth == 16:
            rows.append(flat.astype(">u2").tobytes())
        elif depth == 8:
            rows.append(flat.astype(np.uint8).tobytes())
        else:
            bits = "".join(format(int(v), f"0{depth}b") for v in flat)
            bits += "0" * (-len(bits) % 8)
            rows.append(bytes(int(bits[i:i + 8], 2) for i in range(0, len(bits), 8)))
    return rows


def filtered(rng, rows, unit):
    """The rows, each behind a filter of its own. unit: bytes of a pixel, at least 1."""
    out, above = b"", bytes(len(rows[0])) if rows else b""
    for row in rows:
        kind = rng.randrange(5)
        coded = bytearray()
        for i, value in enumerate(row):
            a = row[i - unit] if i >= unit else 0
            b = above[i]
            c = above[i - unit] if i >= unit else 0
            p = a + b - c
            distance = [abs(p - a), abs(p - b), abs(p - c)]
            paeth = [a, b, c][distance.index(min(distance))]
            coded.append((value - [0, a, b, (a + b) // 2, paeth][kind]) & 255)
        out += bytes([kind]) + bytes(coded)
        above = row
    return out


def png(rng, samples, colour, depth, interlaced=False, palette=None, transparency=None, extra=()):
    """A PNG written by hand: kinds that Pillow does not write, every filter, pixels in several chunks."""
    height, width = samples.shape[:2]
    unit = max(1, SAMPLES[colour] * depth // 8)
    raw = b""
    for x, y, every_x, every_y in ADAM7 if interlaced else [(0, 0, 1, 1)]:
        part = samples[y::every_y, x::every_x]
        if part.size:
            raw += filtered(rng, packed_rows(part, depth), unit)
    packed = zlib.compress(raw, rng.randrange(10))
    cut = rng.randrange(len(packed) + 1)

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    out = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced))
    for kind, data in extra:
        out += chunk(kind, data)
    if palette is not None:
        out += chunk(b"PLTE", palette.astype(np.uint8).tobytes())
    if transparency is not None:
        out += chunk(b"tRNS", transparency)
    return out + chunk(b"IDAT", packed[:cut]) + chunk(b"IDAT", packed[cut:]) + chunk(b"IEND", b"")


def seen(file):
    """What Pillow shows: turned as EXIF says, on white, [height, width, 1 or 3]."""
    picture = ImageOps.exif_transpose(Image.open(io.BytesIO(file)))
    if picture.mode in ("LA", "RGBA", "PA") or "transparency" in picture.info:
        alpha = picture.convert("RGBA")
        white = Image.new("RGBA", alpha.size, (WHITE, WHITE, WHITE, 255))
        laid = Image.alpha_composite(white, alpha).convert("RGB")
        return np.asarray(laid.convert("L") if picture.mode in ("L", "LA", "1", "I;16") else laid)
    return np.asarray(picture.convert("L" if picture.mode in ("1", "L") else "RGB"))


def png_cases(rng):
    kinds = [(0, 1), (0, 2), (0, 4), (0, 8), (0, 16), (2, 8), (2, 16), (3, 1), (3, 2), (3, 4), (3, 8), (4, 8), (4, 16),
             (6, 8), (6, 16)]
    cases = []
    for number in range(240):
        colour, depth = kinds[number % len(kinds)]
        height, width = rng.choice([(1, 1), (1, 9), (7, 1), (rng.randrange(1, 24), rng.randrange(1, 24))])
        interlaced = number // len(kinds) % 2 == 1
        samples = np.array([rng.randrange(2 ** depth) for _ in range(height * width * SAMPLES[colour])])
        samples = samples.reshape(height, width, SAMPLES[colour])
        palette = transparency = None
        name = f"png colour {colour} depth {depth}" + (" interlaced" if interlaced else "")
        if colour == 3:
            entries = 2 ** depth if number % 4 else max(1, 2 ** depth - 1)
            samples = samples % entries
            palette = np.array([rng.randrange(256) for _ in range(3 * entries)])
            if number // len(kinds) % 4 >= 2:
                transparency = bytes(rng.randrange(256) for _ in range(rng.randrange(1, entries + 1)))
        elif colour in (0, 2) and number // len(kinds) % 4 >= 2:
            pixel = samples[rng.randrange(height), rng.randrange(width)]
            transparency = b"".join(struct.pack(">H", int(v)) for v in pixel)
        file = png(rng, samples, colour, depth, interlaced, palette, transparency)
        if depth == 16:  # Pillow has modes of its own for these; the upper byte is what is meant
            upper = (samples >> 8).astype(np.int64)
            if colour in (4, 6):
                alpha = upper[..., -1:]
                upper = (upper[..., :-1] * alpha + WHITE * (255 - alpha) + 127) // 255
            if transparency is not None:
                upper = np.where((samples == pixel).all(-1, keepdims=True), WHITE, upper)
            wanted = upper.astype(np.uint8)
        elif colour == 0 and transparency is not None:  # of 2 and 4 bits Pillow takes the scaled grey for the marked one
            grey = samples * 255 // (2 ** depth - 1)
            wanted = np.where(samples == pixel, WHITE, grey).astype(np.uint8)
        else:
            wanted = seen(file)
        exact = colour in (0, 2) or (colour == 3 and transparency is None)
        cases.append((name + (" transparent" if transparency is not None else ""), file, wanted, 0 if exact else 1))
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        samples = smooth(rng, 9, 13, 3).astype(np.int64)
        file = png(rng, samples, 2, 8, extra=[(b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0"))])
        cases.append((f"png orientation {orientation}", file, seen(file), 0))
    return cases


def jpeg_cases(rng):
    cases = []
    for number in range(400 - 248):
        grey = number % 5 == 0
        # libjpeg doubles halved colours of up to two columns by repetition, of more by interpolation.
        height, width = rng.randrange(1, 41), rng.randrange(1 if grey or number % 3 == 0 else 5, 41)
        if number % 19 == 0:
            height, width = rng.choice([(1, 8), (8, 8), (16, 16), (1, 33), (33, 5), (17, 100)])
        pixels = smooth(rng, height, width, 1 if grey else 3)
        options = dict(quality=rng.choice([30, 60, 75, 85, 95, 100]), progressive=number % 3 == 0, optimize=number % 4 == 0)
        if not grey:
            options["subsampling"] = number % 3
        name = f"jpeg {options}"
        if number % 7 == 0:
            options["restart_marker_blocks"] = rng.randrange(1, 5)
        if number % 2 == 0:
            exif = Image.Exif()
            exif[0x0112] = number // 2 % 8 + 1
            options["exif"] = exif
            name += f" orientation {number // 2 % 8 + 1}"
        file = io.BytesIO()
        Image.fromarray(pixels[..., 0] if grey else pixels).save(file, "JPEG", **options)
        cases.append((name, file.getvalue(), seen(file.getvalue()), 4))
    return cases


def formula(height, width, channels):
    """A picture that the test computes too."""
    y, x, c = np.mgrid[0:height, 0:width, 0:channels].astype(np.int64)
    return ((x * x * 3 + y * 7 + x * y * 5 + c * 41 + (x // 5 + y // 3) * 90) % 256).astype(np.uint8)


def large_cases(rng):
    cases = []
    for name, height, width, colour, depth, interlaced in (("png colour 2 depth 8 interlaced", 300, 200, 2, 8, True),
                                                           ("png colour 0 depth 16", 199, 299, 0, 16, False)):
        samples = formula(height, width, SAMPLES[colour]).astype(np.int64)
        file = png(rng, samples * (257 if depth == 16 else 1), colour, depth, interlaced)
        cases.append((name, file, samples.astype(np.uint8), 0))
    for name, height, width, channels, options in (
            ("jpeg 4:2:0 progressive", 199, 299, 3, dict(progressive=True, subsampling=2, quality=75)),
            ("jpeg grey orientation 6", 200, 300, 1, dict(quality=85, restart_marker_blocks=3))):
        if "orientation" in name:
            options["exif"] = Image.Exif()
            options["exif"][0x0112] = 6
        file = io.BytesIO()
        Image.fromarray(smooth(rng, height, width, channels).squeeze()).save(file, "JPEG", **options)
        cases.append((name, file.getvalue(), seen(file.getvalue()), 4))
    return cases


def resized(rng):
    table, out = [], []
    for number in range(200):
        height, width = rng.choice([(rng.randrange(1, 60), rng.randrange(1, 60)),
                                    (rng.randrange(60, 640), rng.randrange(60, 640)), (480, 640)])
        to_height, to_width = rng.choice([(28, 28), (32, 32), (rng.randrange(1, 40), rng.randrange(1, 40))])
        channels, fit = rng.choice([1, 3]), number % 3
        picture = Image.fromarray(formula(height, width, channels).squeeze(-1) if channels == 1
                                  else formula(height, width, channels))
        if fit == 2:
            result = picture.resize((to_width, to_height), Image.Resampling.BILINEAR)
        else:
            factor = (max if fit == 0 else min)(to_height / height, to_width / width)
            at_least = (to_height, to_width) if fit == 0 else (1, 1)
            h, w = (max(least, int(side * factor + 0.5)) for least, side in zip(at_least, (height, width)))
            if h * w > 4_000_000:
                continue
            inner = picture.resize((w, h), Image.Resampling.BILINEAR)
            result = Image.new(picture.mode, (to_width, to_height))
            if fit == 0:
                left, top = (w - to_width) // 2, (h - to_height) // 2
                result = inner.crop((left, top, left + to_width, top + to_height))
            else:
                result.paste(inner, ((to_width - w) // 2, (to_height - h) // 2))
        table.append([height, width, channels, to_height, to_width, fit, sum(map(len, out))])
        out.append(np.asarray(result).tobytes())
    return np.array(table), np.frombuffer(b"".join(out), np.uint8)


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
    import PIL
    metadata = {"made_by": f"tests/golden/make_picture_golden.py with Pillow {PIL.__version__}"}
    rng = random.Random("pictures")
    for title, cases in (("pictures", png_cases(rng) + jpeg_cases(rng)), ("large_pictures", large_cases(random.Random("large")))):
        table, files, pixels, names = [], b"", b"", []
        for name, file, wanted, tolerance in cases:
            wanted = wanted.reshape(*wanted.shape[:2], -1)
            table.append([len(files), len(file), len(pixels), *wanted.shape, tolerance])
            files, pixels = files + file, pixels + wanted.tobytes()
            names.append(name)
        write_safetensors(f"{folder}/{title}.safetensors",
                          {"table": np.array(table), "files": np.frombuffer(files, np.uint8),
                           "pixels": np.frombuffer(pixels, np.uint8),
                           "names": np.frombuffer("\n".join(names).encode(), np.uint8)}, metadata)
        print(len(table), "pictures")
    sizes, results = resized(random.Random("resized"))
    write_safetensors(f"{folder}/resized.safetensors", {"table": sizes, "pixels": results}, metadata)
    print(len(sizes), "sizes")


if __name__ == "__main__":
    main()
