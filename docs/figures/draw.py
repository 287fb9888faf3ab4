#!/usr/bin/env python3
"""The figures of docs/what-weight-decay-does.md from the runs of make.sh:  draw.py RUNS FOLDER

Curves are told apart by dashes and labels beside them, so that the figures can be read in grey."""

import json
import math
import pathlib
import sys

GROUP = "in front of a norm"
DASHES = ["", "7 4", "2 3"]
INKS = ["#000000", "#1f5fa8", "#b0521a"]
WIDTH, HEIGHT = 380, 290
LEFT, RIGHT, TOP, BOTTOM = 58, 94, 40, 46


def measures(run):
    """(step, the group's measures) of every line of the log that has them."""
    for line in (run / "log.jsonl").read_text().splitlines():
        entry = json.loads(line)
        if entry.get("event") == "step":
            yield entry["step"], next(g for g in entry["groups"] if g["name"] == GROUP)


def curve(run, value):
    return [(step, value(group)) for step, group in measures(run)]


def smooth(points, width=9):
    half = width // 2
    return [(x, sum(y for _, y in points[max(0, i - half):i + half + 1]) / len(points[max(0, i - half):i + half + 1]))
            for i, (x, _) in enumerate(points)]


def ticks(low, high, log):
    if log:
        first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
        steps = (1,) if last - first >= 1 else (1, 2, 5)
        return [m * 10.0**e for e in range(first - 1, last + 1) for m in steps if low <= m * 10.0**e <= high * 1.0001]
    raw = (high - low) / 5
    step = next(m * 10**math.floor(math.log10(raw)) for m in (1, 2, 5, 10) if m * 10**math.floor(math.log10(raw)) >= raw)
    return [k * step for k in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]


def number(v):
    return f"{v:g}" if v < 10000 else f"{v:,.0f}"


def panel(title, x_name, curves, log_x=False, log_y=False, dots=False, x_high=None):
    """One diagram as SVG without its outer element. curves: (label, points)."""
    xs = [x for _, points in curves for x, _ in points]
    ys = [y for _, points in curves for _, y in points]
    low_x, high_x = (min(xs) if log_x else 0), x_high or max(xs)
    low_y, high_y = (min(ys) * 0.8, max(ys) * 1.25) if log_y else (0, max(ys) * 1.08)

    def place(v, low, high, log, begin, end):
        share = (math.log(v / low) / math.log(high / low)) if log else (v - low) / (high - low)
        return begin + share * (end - begin)

    def at(x, y):
        return (place(x, low_x, high_x, log_x, LEFT, WIDTH - RIGHT), place(y, low_y, high_y, log_y, HEIGHT - BOTTOM, TOP))

    out = [f'<text x="{LEFT}" y="20" font-weight="bold">{title}</text>']
    for y in ticks(low_y, high_y, log_y):
        px, py = at(low_x, y)
        out.append(f'<path d="M{px:.1f} {py:.1f}H{WIDTH - RIGHT}" stroke="#d0d0d0"/>'
                   f'<text x="{px - 7:.1f}" y="{py + 4:.1f}" text-anchor="end">{number(y)}</text>')
    for x in ticks(low_x, high_x, log_x):
        px, py = at(x, low_y)
        out.append(f'<path d="M{px:.1f} {py:.1f}v5" stroke="#444"/>'
                   f'<text x="{px:.1f}" y="{py + 19:.1f}" text-anchor="middle">{number(x)}</text>')
    out.append(f'<path d="M{LEFT} {TOP}V{HEIGHT - BOTTOM}H{WIDTH - RIGHT}" stroke="#444" fill="none"/>')
    out.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 8}" text-anchor="middle">{x_name}</text>')
    ends = []
    for i, (label, points) in enumerate(curves):
        line = " ".join("%.1f,%.1f" % at(x, y) for x, y in points)
        out.append(f'<polyline points="{line}" fill="none" stroke="{INKS[i]}" stroke-width="2" stroke-dasharray="{DASHES[i]}"/>')
        if dots:
            out += [f'<circle cx="{px:.1f}" cy="{py:.1f}" r="3.5" fill="{INKS[i]}"/>' for px, py in (at(*p) for p in points)]
        ends.append([at(*points[-1])[1], i, label])
    previous = -math.inf
    for end in sorted(ends):  # labels beside the ends, one below the other
        previous = max(end[0] + 4, previous + 15)
        out.append(f'<text x="{WIDTH - RIGHT + 7}" y="{previous:.1f}" fill="{INKS[end[1]]}">{end[2]}</text>')
    return "\n".join(out)


def picture(file, label, *panels):
    body = "\n".join(f'<g transform="translate({i * WIDTH} 0)">\n{p}\n</g>' for i, p in enumerate(panels))
    size = f'{WIDTH * len(panels)} {HEIGHT}'
    file.write_text(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}" width="{WIDTH * len(panels)}" '
                    f'height="{HEIGHT}" role="img" aria-label="{label}" font-family="sans-serif" font-size="12" fill="#222">\n'
                    f'<rect width="100%" height="100%" fill="#fff"/>\n{body}\n</svg>\n')


def main(runs, folder):
    strengths = ["0", "0.005", "0.02"]
    names = ["no decay", "0.005", "0.02"]
    norm = [(n, curve(runs / f"norm-{s}", lambda g: g["weight_norm"])) for n, s in zip(names, strengths)]
    rate = [(n, curve(runs / f"norm-{s}", lambda g: g["lr"] / g["weight_norm"]**2)) for n, s in zip(names, strengths)]
    picture(folder / "norm.svg", "Norm and effective learning rate with three strengths of decay",
            panel("norm of the weights", "step", norm), panel("effective rate, lr / |w|²", "step", rate, log_y=True))

    kinds = ["decoupled_lr", "corrected"]
    gradient = [(k, smooth(curve(runs / f"end-{k}", lambda g: g["gradient_norm"]))) for k in kinds]
    share = [(k, smooth(curve(runs / f"end-{k}", lambda g: g["weight_norm"]))) for k in kinds]
    picture(folder / "end.svg", "Gradients and weights under a cosine schedule with two kinds of decay",
            panel("norm of the gradient", "step", gradient), panel("norm of the weights", "step", share))

    adam = [(k, [(float(s), list(measures(runs / f"adam-{k}-{s}"))[-1][1]["weight_norm"]) for s in ("0.01", "0.1", "1")])
            for k in ("coupled_l2", "decoupled_lr")]
    picture(folder / "adam.svg", "Norm of the weights after a training with Adam over lambda",
            panel("norm after ten epochs", "lambda", adam, log_x=True, log_y=True, dots=True))


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
