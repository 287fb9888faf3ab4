#!/usr/bin/env python3
"""The pictures of docs/kernels.md:  kernels.py [--check]

Writes tile.svg, panels.svg and winograd.svg beside itself; with --check says which of them are not what it would write.
They are light or dark as the reader's system is, and can be read in grey."""

import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
WIDTH = 760
STYLE = """<style>
.page { fill: #ffffff; } text { fill: #1c1c1c; } .quiet { fill: #5a5a5a; } .line { stroke: #5a5a5a; fill: none; }
.cell { fill: #ffffff; stroke: #8a8a8a; } .zero { fill: #e4e4e4; stroke: #8a8a8a; } .one { fill: #bcd7f5; stroke: #1f5fa8; }
.two { fill: #f8d3b0; stroke: #b0521a; } .both { fill: #d9c3ea; stroke: #6b3fa0; } .head { fill: #5a5a5a; stroke: none; }
.frame1 { fill: none; stroke: #1f5fa8; stroke-width: 2.5; }
.frame2 { fill: none; stroke: #b0521a; stroke-width: 2.5; stroke-dasharray: 6 3; }
@media (prefers-color-scheme: dark) {
.page { fill: #14171c; } text { fill: #e8e8e8; } .quiet { fill: #a8adb5; } .line { stroke: #a8adb5; }
.cell { fill: #14171c; stroke: #787d85; } .zero { fill: #343941; stroke: #787d85; } .one { fill: #1d4269; stroke: #79b2f2; }
.two { fill: #6b3a17; stroke: #f0a868; } .both { fill: #4c3368; stroke: #c09be8; } .head { fill: #a8adb5; }
.frame1 { stroke: #79b2f2; } .frame2 { stroke: #f0a868; }
}
</style>"""


def rect(x, y, width, height, kind="cell"):
    return f'<rect class="{kind}" x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}"/>'


def text(x, y, words, anchor="start", kind="", bold=False):
    extra = (f' class="{kind}"' if kind else "") + (' font-weight="bold"' if bold else "")
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}"{extra}>{words}</text>'


def line(points):
    return '<polyline class="line" points="' + " ".join(f"{x:g},{y:g}" for x, y in points) + '"/>'


def arrow(x, y, to_x, to_y):
    """Along one axis."""
    dx, dy = (to_x > x) - (to_x < x), (to_y > y) - (to_y < y)
    wing = [(to_x - 8 * dx + 4 * dy, to_y - 8 * dy + 4 * dx), (to_x, to_y), (to_x - 8 * dx - 4 * dy, to_y - 8 * dy - 4 * dx)]
    return line([(x, y), (to_x - 6 * dx, to_y - 6 * dy)]) + '<polygon class="head" points="' + " ".join(
        f"{a:g},{b:g}" for a, b in wing) + '"/>'


def bracket(x, to_x, y, depth=6):
    return line([(x, y - depth), (x, y), (to_x, y), (to_x, y - depth)])


def picture(label, height, parts):
    head = (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
            f'role="img" aria-label="{label}" font-family="sans-serif" font-size="12">')
    return "\n".join([head, STYLE, f'<rect class="page" width="{WIDTH}" height="{height}"/>', *parts, "</svg>"]) + "\n"


def tile():
    lane, row, left, top = 13, 14, 118, 96
    register = 16 * lane
    out = [text(left, 24, "V = 2 registers of weights, 16 lanes each: the next 32 output channels", bold=True)]
    for v in range(2):
        x = left + v * (register + 14)
        out.append(text(x + register / 2, 44, f"w[{v}]", "middle"))
        out += [rect(x + i * lane, 50, lane, 18, "two") for i in range(16)]
        for m in range(14):
            out += [rect(x + i * lane, top + m * row, lane, row, "both" if m == 3 else "cell") for i in range(16)]
        out.append(arrow(x + register / 2, 70, x + register / 2, top - 3))
    for m in range(14):
        y = top + m * row
        out.append(rect(left - 40, y, 26, row, "one" if m == 3 else "cell"))
        out.append(text(left - 46, y + 11, f"x[{m}]", "end"))
    y = top + 3 * row + row / 2
    out.append(arrow(left - 13, y, left - 1, y))
    out += [text(left - 27, top - 22, "M = 14", "middle"), text(left - 27, top - 8, "pixels", "middle")]
    x = left + 2 * register + 28
    for i, (words, bold) in enumerate((
            ("one step", True), ("", False), ("2 loads: w[0], w[1]", False), ("for each row m:", False),
            ("load and repeat x[m]", False), ("sum[m][0] += x[m] w[0]", False), ("sum[m][1] += x[m] w[1]", False),
            ("", False), ("28 multiply-adds", False), ("for 16 loads", False))):
        out.append(text(x, top + 12 + 17 * i, words, bold=bold))
    y = top + 14 * row
    out.append(text(left, y + 22, "28 registers of sums sum[m][v], 2 of weights and 1 of a repeated x[m]: 31 of AVX-512's 32."))
    out.append(text(left, y + 40, "Violet: the sums that x[3] takes part in.", kind="quiet"))
    return picture("the register tile of 14 pixels by two registers of output channels", y + 54, out)


def weights_of(out, top):
    """The filter taps of 32 input and 48 output channels, and their packed order."""
    cell, left = 2.0, 96
    out.append(text(20, top, "Weights [3, 3, in 32, out 48]: panels of output channels, blocks of input channels", bold=True))
    y, x = top + 40, left
    for tap in (2, 1, 0):  # a stack of filter taps, the first in front
        dx, dy = 9 * tap, -7 * tap
        for b in range(2):
            out.append(rect(x + dx, y + dy + b * 34, 32 * cell, 34, "one"))
            out.append(rect(x + dx + 32 * cell, y + dy + b * 34, 16 * cell, 34, "two"))
    out += [text(x - 8, y + 21, "block 0", "end"), text(x - 8, y + 55, "block 1", "end")]
    out += [text(x + 32, y + 84, "panel 0", "middle"), text(x + 82, y + 84, "panel 1", "middle")]
    out += [text(x + 32, y + 100, "32 channels", "middle", "quiet"), text(x + 86, y + 100, "16", "middle", "quiet")]
    out += [text(x + 124, y - 6, "9 taps"), arrow(x + 128, y + 34, x + 168, y + 34), text(x + 148, y + 26, "packed", "middle")]
    x, y = 286, top + 40
    for at, (panel, block, kind, width) in enumerate((
            (0, 0, "one", 15), (0, 1, "one", 15), (1, 0, "two", 7.5), (1, 1, "two", 7.5))):
        for tap in range(9):
            out.append(rect(x + tap * width, y, width, 34, kind))
        out.append(text(x + 4.5 * width, y - 6, f"block {block}", "middle"))
        if at % 2 == 0:
            out.append(bracket(x, x + 18 * width, y + 50, 8))
            out.append(text(x + 9 * width, y + 66, f"panel {panel}", "middle"))
        x += 9 * width
    out.append(text(286, y + 86, "Each cell is one tap of a block: 16 steps of the tile, each reads", kind="quiet"))
    out.append(text(286, y + 102, "two registers in panel 0 and one in panel 1, from front to back.", kind="quiet"))


def images_of(out, top):
    """A band of four images, and how its row stands in memory."""
    out.append(text(20, top, "Images [n, 8, 8, 32]: bands of rows, blocks of channels, positions that fill a tile", bold=True))
    cell, x, y = 9, 34, top + 42
    for image in (3, 2, 1, 0):
        dx, dy = 11 * image, -8 * image
        for row in range(8):
            for column in range(10):
                kind = "zero" if column in (0, 9) else "two" if row < 4 else "cell"
                out.append(rect(x + dx + column * cell, y + dy + row * cell, cell, cell, kind))
    out += [text(x + 128, y + 22, "band 0"), text(x + 128, y + 58, "band 1")]
    out += [text(x, y + 90, "4 images; grey: padding", kind="quiet")]
    x, y, size = 232, top + 66, 17
    out.append(text(x, y - 38, "a packed row of block 0: column by column, in it image by image, in it 16 channels"))
    for column in range(7):
        for image in range(4):
            at = x + (4 * column + image) * size
            out.append(rect(at, y, size, 24, "zero" if column == 0 else "two"))
            out.append(text(at + size / 2, y + 16, str(image), "middle"))
        out.append(text(x + (4 * column + 2) * size, y - 8, f"column {column - 1}", "middle", "quiet"))
    out.append(text(x + 28 * size + 8, y + 16, "..."))
    for tap in range(3):
        begin, level = x + 4 * tap * size, y + 42 + 26 * tap
        out.append(bracket(begin, begin + 14 * size, level, 8))
        out.append(text(begin + 7 * size, level + 14, f"tap {tap} of the tile of the first 14 positions", "middle"))
    out.append(text(20, y + 132, "A position is a (column, image) pair. The next tap of a row begins one column, four cells, further: a tap is one offset, and",
                    kind="quiet"))
    out.append(text(20, y + 148, "images narrower than a tile fill it together. Block 1 follows behind all rows of block 0.", kind="quiet"))


def panels():
    out = []
    weights_of(out, 24)
    images_of(out, 204)
    return picture("panels of output channels, blocks of input channels, bands of rows and positions", 430, out)


def winograd():
    out, cell, top = [], 14, 84
    out.append(text(20, 24, "F(4x4, 3x3): 4 x 4 outputs from 6 x 6 inputs by 36 multiplications for each pair of channels, instead of 144", bold=True))
    x = 24
    out.append(text(x + 5 * cell, top - 30, "input, one channel", "middle"))
    for r in range(10):
        for c in range(10):
            first, second = r < 6 and c < 6, r < 6 and c >= 4
            kind = "both" if first and second else "one" if first else "two" if second else "cell"
            out.append(rect(x + c * cell, top + r * cell, cell, cell, kind))
    out += [rect(x - 2, top - 2, 6 * cell + 3, 6 * cell + 4, "frame1"), rect(x + 4 * cell - 1, top - 2, 6 * cell + 3, 6 * cell + 4, "frame2")]
    out += [text(x + 2 * cell, top - 9, "tile 0", "middle"), text(x + 8 * cell, top - 9, "tile 1", "middle")]
    out.append(text(x, top + 10 * cell + 18, "neighbours share 2 columns"))
    middle = top + 3 * cell
    out += [arrow(x + 10 * cell + 8, middle, x + 10 * cell + 76, middle), text(x + 10 * cell + 40, middle - 8, "B&#7488; x B", "middle")]
    out.append(text(x + 10 * cell + 42, middle + 18, "small sums", "middle", "quiet"))
    # 36 points, each a matrix product
    px, py, size = 262, top, 14
    out.append(text(px + 3 * size, top - 30, "36 points", "middle"))
    for r in range(6):
        for c in range(6):
            out.append(rect(px + c * size, py + r * size, size, size, "one" if (r, c) == (2, 3) else "cell"))
    out.append(text(px + 3 * size, top - 9, "of each tile", "middle", "quiet"))
    # weights
    wy = top + 182
    out.append(text(px - 110, wy + 24, "weights, 3 x 3", "end"))
    for r in range(3):
        for c in range(3):
            out.append(rect(px - 100 + c * size, wy + r * size, size, size, "zero"))
    out += [arrow(px - 52, wy + 21, px - 8, wy + 21), text(px - 31, wy + 13, "G w G&#7488;", "middle")]
    for r in range(6):
        for c in range(6):
            out.append(rect(px + c * 7, wy + r * 7, 7, 7, "zero"))
    out.append(text(px + 52, wy + 24, "36 points"))
    # the product of one point
    mx, my = 396, top + 8
    out += [arrow(px + 6 * size + 6, middle, mx - 8, middle)]
    out.append(text(mx + 60, top - 30, "for each point one matrix product", "middle"))
    out.append(rect(mx, my, 30, 62, "one"))
    out += [text(mx + 15, my + 80, "tiles", "middle"), text(mx + 15, my + 94, "x in", "middle")]
    out.append(text(mx + 40, my + 36, "&#215;", "middle"))
    out.append(rect(mx + 50, my + 16, 44, 30, "zero"))
    out += [text(mx + 72, my + 64, "in", "middle"), text(mx + 72, my + 78, "x out", "middle")]
    out.append(text(mx + 104, my + 36, "=", "middle"))
    out.append(rect(mx + 114, my, 44, 62, "both"))
    out += [text(mx + 136, my + 80, "tiles", "middle"), text(mx + 136, my + 94, "x out", "middle")]
    out.append(text(mx + 82, my + 132, "by the register tile: M tiles by V registers", kind="quiet"))
    out.append(text(mx + 82, my + 147, "of output channels, summed over in", kind="quiet"))
    out += [arrow(mx + 166, middle, mx + 232, middle), text(mx + 197, middle - 8, "A&#7488; m A", "middle")]
    ox = mx + 242
    out.append(text(ox + 4 * 12, top - 30, "output", "middle"))
    for r in range(8):
        for c in range(8):
            kind = "one" if r < 4 and c < 4 else "two" if r < 4 else "cell"
            out.append(rect(ox + c * 12, top + r * 12, 12, 12, kind))
    out += [rect(ox - 1, top - 1, 4 * 12, 4 * 12 + 2, "frame1"), rect(ox + 4 * 12 + 1, top - 1, 4 * 12, 4 * 12 + 2, "frame2")]
    out.append(text(ox, top + 8 * 12 + 18, "no overlap"))
    out += [line([(px + 112, wy + 21), (mx + 72, wy + 21), (mx + 72, my + 100)]), arrow(mx + 72, my + 108, mx + 72, my + 84)]
    for i, words in enumerate(("A block of at most 56 tiles goes through all three steps while it is in the second cache, two registers",
                               "of output channels at a time.")):
        out.append(text(24, wy + 72 + 16 * i, words, kind="quiet"))
    return picture("Winograd's tiles: overlapping 6 x 6 inputs, 36 matrix products, 4 x 4 outputs", wy + 104, out)


FIGURES = {"tile.svg": tile, "panels.svg": panels, "winograd.svg": winograd}


def main():
    stale = 0
    for name, draw in FIGURES.items():
        file, drawn = HERE / name, draw()
        if "--check" not in sys.argv[1:]:
            file.write_text(drawn)
        elif not file.is_file() or file.read_text() != drawn:
            print(f"docs/figures/{name}: not what docs/figures/kernels.py draws; run it")
            stale += 1
    sys.exit(1 if stale else 0)


if __name__ == "__main__":
    main()
