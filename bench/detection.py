#!/usr/bin/python3
"""Draws what script/bakes simulated, docs/judge.svg, and writes the tables of docs/judge.md between their marks.

usage: bench/detection.py [JSON]     (default build/bakes.json)

The picture needs nothing else, and is readable on light and on dark pages.
"""
import html
import json
import math
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 820, 470, 70, 170, 70, 60
SHARES, ANSWERS = (0.0125, 1.2), (2, 5000)  # the ends of both axes, which are logarithmic
SPEEDS = (20, 200, 2000)
OLD = 0.001  # the old color's share of errors in the picture
STYLE = """
text { font: 12px system-ui, sans-serif; fill: #24292f }
.title { font-size: 16px; font-weight: 600 }
.axis { stroke: #d0d7de }
.line { fill: none; stroke-width: 2 }
.whisker { stroke-width: 1.5; opacity: 0.6 }
.s20 { stroke: #bf5700 } .s200 { stroke: #008080 } .s2000 { stroke: #5b4bb5 } .least { stroke: #57606a; stroke-dasharray: 5 4 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .axis { stroke: #3d444d }
  .s20 { stroke: #ffa657 } .s200 { stroke: #2dd4bf } .s2000 { stroke: #a99bff } .least { stroke: #9198a1 }
}
"""


def text(x, y, words, kind="", anchor="start"):
    return f'<text x="{x:.0f}" y="{y:.0f}" class="{kind}" text-anchor="{anchor}">{html.escape(words)}</text>'


def percent(share):
    return f"{100 * share:g} %"


def along(value, ends, begin, end):
    low, high = (math.log(one) for one in ends)
    return begin + (end - begin) * (math.log(value) - low) / (high - low)


def at_x(share):
    return along(share, SHARES, LEFT, WIDTH - RIGHT)


def at_y(answers):
    return along(answers, ANSWERS, HEIGHT - BOTTOM, TOP)


def draw_axes():
    for share in (1, 0.5, 0.1, 0.05, 0.02, 0.015):
        yield f'<line x1="{at_x(share):.1f}" x2="{at_x(share):.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}" class="axis"/>'
        yield text(at_x(share), HEIGHT - BOTTOM + 18, percent(share), anchor="middle")
    for answers in (2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000):
        yield f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at_y(answers):.1f}" y2="{at_y(answers):.1f}" class="axis"/>'
        yield text(LEFT - 8, at_y(answers) + 4, f"{answers:,}", anchor="end")
    yield text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 18, "share of the new color's answers that fail", anchor="middle")


def draw_line(points, kind):
    return f'<polyline points="{" ".join(f"{at_x(x):.1f},{at_y(y):.1f}" for x, y in points)}" class="line {kind}"/>'


def draw_speed(rows, speed, aside):
    yield draw_line([(row["new"], row["answers_p50"]) for row in rows], f"s{speed}")
    for row in rows:
        x = at_x(row["new"]) + aside
        yield f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{at_y(row["answers_p50"]):.1f}" y2="{at_y(row["answers_p95"]):.1f}" class="whisker s{speed}"/>'


def draw_legend():
    x = WIDTH - RIGHT + 20
    for index, (words, kind) in enumerate([(f"{speed:,} answers/s" if speed else "the least possible", f"s{speed}" if speed else "least") for speed in (*SPEEDS, 0)]):
        y = TOP + 14 + 22 * index
        yield f'<line x1="{x}" x2="{x + 24}" y1="{y - 4}" y2="{y - 4}" class="line {kind}"/>'
        yield text(x + 30, y, words)
    yield text(x, TOP + 120, "lines: median")
    yield text(x, TOP + 138, "strokes: up to 95 %")


def draw(result):
    rows = {speed: [row for row in result["bad"] if (row["old"], row["old_burst"]) == (OLD, 1) and row["per_second"] == speed] for speed in SPEEDS}
    title = "Answers until a bad release goes back"
    label = f"old color at {percent(OLD)}, limit {percent(result['limit'])}, a look every {result['look_ms']} ms; {rows[200][0]['bakes']:,} simulated bakes a point"
    drawn = [text(LEFT, 28, title, "title"), text(LEFT, 48, label), *draw_axes()]
    for aside, speed in zip((-3, 0, 3), SPEEDS):
        drawn += draw_speed(rows[speed], speed, aside)
    drawn += [draw_line([(row["new"], row["least_answers"]) for row in rows[200]], "least"), *draw_legend()]
    return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img">',
                      f"<title>{title}: {label}</title>", f"<style>{STYLE}</style>", *drawn, "</svg>"]) + "\n"


# ---- tables ----


def table(head, rows):
    return "\n".join([f"| {' | '.join(head)} |", f"|{'---|' * len(head)}", *(f"| {' | '.join(row)} |" for row in rows)]) + "\n"


def seconds(ms):
    return f"{ms / 1000:g} s"


def bad_cell(row):
    if row["back"] < row["bakes"] * 0.95:
        return f"{100 * row['back'] / row['bakes']:.1f} % found"
    return f"{row['answers_p50']:,} / {row['answers_p95']:,} · {seconds(row['ms_p50'])} / {seconds(row['ms_p95'])}"


def bad_table(result, old, burst):
    rows = [row for row in result["bad"] if (row["old"], row["old_burst"]) == (old, burst)]
    shares = sorted({row["new"] for row in rows}, reverse=True)
    by = {(row["new"], row["per_second"]): row for row in rows}
    return table(["fails", "least (200/s)", *(f"{speed:,}/s" for speed in SPEEDS)],
                 [[percent(share), f"{by[share, 200]['least_answers']:,.0f}", *(bad_cell(by[share, speed]) for speed in SPEEDS)] for share in shares])


def good_name(row):
    more = f", in bursts of {row['burst']}" if row["burst"] > 1 else ""
    if row["kind"] == "under the limit":
        return f"{percent(row['old'])} before, {percent(row['new'])} after"
    if row["kind"] == "common drift":
        return f"{percent(row['old'])} before, rising to {percent(row['new_end'])} at the bake's end"
    if row["kind"] == "old unknown":
        return f"{percent(row['new'])}, nothing known of the old color"
    return f"{percent(row['old'])} before and after{more}"


def good_cell(row):
    held = f" ({row['held']:,} held)" if row["held"] > row["back"] else ""
    return f"{row['back']:,} of {row['bakes']:,}{held}"


def good_table(result):
    names = {}
    for row in result["good"]:
        names.setdefault(good_name(row), {})[row["per_second"]] = row
    return table(["errors", *(f"{speed:,}/s" for speed in SPEEDS)], [[name, *(good_cell(by[speed]) for speed in SPEEDS)] for name, by in names.items()])


def latency_table(result):
    sizes = sorted({row["window_answers"] for row in result["latency"]})
    by = {(row["tail"], row["window_answers"]): row for row in result["latency"]}
    names = {"exponential": "exponential", "heavy": "Pareto, exponent 2"}
    return table(["latencies", *(f"{size:,} answers a window" for size in sizes)],
                 [[names[tail], *(f"{by[tail, size]['back']} of {by[tail, size]['bakes']:,}" for size in sizes)] for tail in names])


def main():
    if len(sys.argv) > 2 or "--help" in sys.argv:
        sys.exit(__doc__)
    with open(sys.argv[1] if len(sys.argv) == 2 else os.path.join(ROOT, "build/bakes.json")) as file:
        result = json.load(file)
    with open(os.path.join(ROOT, "docs/judge.svg"), "w") as file:
        file.write(draw(result))
    page = os.path.join(ROOT, "docs/judge.md")
    with open(page) as file:
        words = file.read()
    tables = {"good": good_table(result), "latency": latency_table(result), **{f"bad {old:g} {burst}": bad_table(result, old, burst) for old, burst in ((0, 1), (0.001, 1), (0.005, 1), (0.001, 5))}}
    for name, rows in tables.items():
        words, count = re.subn(rf"(<!-- {re.escape(name)} -->\n).*?(<!-- end -->)", lambda found: found[1] + rows + found[2], words, flags=re.S)
        if count != 1:
            sys.exit(f"detection: docs/judge.md has no place for the table `{name}`")
    with open(page, "w") as file:
        file.write(words)


if __name__ == "__main__":
    main()
