#!/usr/bin/python3
"""Draws what script/bench measured: CPU per request of each proxy, line by line, beside the better of HAProxy and nginx.

usage: bench/chart.py [JSON [SVG]]     (default build/bench.json, docs/performance.svg)

The picture needs nothing else, and is readable on light and on dark pages.
"""
import html
import json
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
WIDTH, LEFT, RIGHT = 820, 130, 150  # of the picture; beside the bars
BAR, GAP, HEADING, TOP = 13, 14, 20, 62
MOST = 2.0  # times the better peer; a longer bar ends there, and has a mark
STYLE = """
text { font: 12px system-ui, sans-serif; fill: #24292f }
.title { font-size: 16px; font-weight: 600 }
.what { font-weight: 600 }
.value { font-variant-numeric: tabular-nums }
.bar { fill: #9aa4ae }
.floor { fill: #d0d7de }
.teal { fill: #008080 }
.mark { stroke: #57606a; stroke-dasharray: 3 3 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .bar { fill: #6e7681 }
  .floor { fill: #3d444d }
  .teal { fill: #2dd4bf }
  .mark { stroke: #9198a1 }
}
"""


def groups_of(result):
    """(what, rows) of the lines that have one point, a cost and something to be compared with."""
    for name, points in result["medians"].items():
        rows = points.get("", {})
        if name not in ("bare", "latency") and any("to_better_peer" in row for row in rows.values()):
            yield result["lines"][name], {proxy: row for proxy, row in rows.items() if "to_better_peer" in row}


def text(x, y, words, kind="", anchor="start"):
    return f'<text x="{x:.0f}" y="{y:.0f}" class="{kind}" text-anchor="{anchor}">{html.escape(words)}</text>'


def time_text(us):
    return f"{us:,.1f} µs" if us < 1000 else f"{us / 1000:,.2f} ms"


def draw_bar(y, proxy, row, scale):
    ratio, base = row["to_better_peer"], y + BAR - 3
    length = min(ratio, MOST) * scale
    kind = proxy if proxy in ("floor", "teal") else "bar"
    more = [text(LEFT + length + 3, base, "»")] if ratio > MOST else []
    return [text(LEFT - 8, base, proxy, "", "end"), f'<rect x="{LEFT}" y="{y}" width="{length:.1f}" height="{BAR - 2}" rx="2" class="{kind}"/>', *more,
            text(WIDTH - RIGHT + 60, base, f"{ratio:.2f}", "value", "end"), text(WIDTH - 10, base, time_text(row["us_per_request"]), "value", "end")]


def draw(result):
    groups, scale, y, drawn = list(groups_of(result)), (WIDTH - LEFT - RIGHT) / MOST, TOP, []
    for what, rows in groups:
        drawn.append(text(LEFT, y + 12, what, "what"))
        y += HEADING
        begin = y
        for proxy, row in rows.items():
            drawn += draw_bar(y, proxy, row, scale)
            y += BAR
        drawn.append(f'<line x1="{LEFT + scale:.1f}" x2="{LEFT + scale:.1f}" y1="{begin - 2}" y2="{y}" class="mark"/>')
        y += GAP
    machine = result["machine"]
    title, label = "CPU time for each request", "1.00 is the better of HAProxy and nginx; shorter is better"
    below = f"Medians, rounds of {result['seconds']} s: {result['rounds']}. {machine['cpu']}, {machine['cores']} cores, Linux {machine['kernel']}."
    return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y + 14}" width="{WIDTH}" height="{y + 14}" role="img">', f"<title>{title}: {label}</title>",
                      f"<style>{STYLE}</style>", text(LEFT, 24, title, "title"), text(LEFT, 44, label), *drawn, text(LEFT, y + 4, below), "</svg>"]) + "\n"


def main():
    if len(sys.argv) > 3 or "--help" in sys.argv:
        sys.exit(__doc__)
    source, target = (sys.argv[1:] + [os.path.join(ROOT, "build/bench.json"), os.path.join(ROOT, "docs/performance.svg")][len(sys.argv) - 1 :])[:2]
    with open(source) as file:
        result = json.load(file)
    if not any(groups_of(result)):
        sys.exit(f"chart: {source} has no line to be drawn: it needs HAProxy or nginx")
    with open(target, "w") as file:
        file.write(draw(result))


if __name__ == "__main__":
    main()
