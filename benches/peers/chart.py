"""The comparison as an SVG: for each case a group of bars, cpu time a request as a ratio to the floor.

It is written by hand and brings its own background, so that it reads the same on a light page and on a dark one.
"""

from html import escape

from report import ours_and_peers
from scenarios import SCENARIOS

PEERS_SHOWN = 3
CLIP = 3.0  # ratios above this are cut off, with the number written

WIDTH, LEFT, RIGHT, TOP, BOTTOM = 800, 330, 60, 74, 20
BAR, GAP, GROUP_GAP = 14, 3, 14
SCALE = (WIDTH - LEFT - RIGHT) / CLIP

STYLE = """
text { font: 12px system-ui, sans-serif; fill: #24292f }
.page { fill: #ffffff } .title { font-size: 16px; font-weight: 600 } .case { font-weight: 600 } .small { font-size: 11px; fill: #57606a }
.peer { fill: #b6bec9 } .ours { fill: #0969da } .name { text-anchor: end } .mine { font-weight: 600 }
.value { stroke: #ffffff; stroke-width: 4; paint-order: stroke }
.grid { stroke: #d0d7de } .floor { stroke: #cf222e; stroke-dasharray: 4 3 } .cut { stroke: #ffffff; stroke-width: 2; fill: none }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .page { fill: #0d1117 } .small { fill: #9198a1 } .peer { fill: #4b5563 } .ours { fill: #4493f8 }
  .grid { stroke: #30363d } .floor { stroke: #f85149 } .cut, .value { stroke: #0d1117 }
}
"""


def svg(results):
    groups = [(case, bars) for case, samples in results["cases"].items() if (bars := chosen(samples))]
    height = TOP + BOTTOM + sum(len(bars) * (BAR + GAP) + GROUP_GAP for _, bars in groups)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}"'
             ' role="img" aria-label="CPU time a request beside other servers">',
             f"<style>{STYLE}</style>", f'<rect class="page" width="{WIDTH}" height="{height}" rx="6"/>',
             label(16, 26, "CPU time a request, as a ratio to the kernel's own price", "title"),
             label(16, 44, f"shorter is better; ours beside the {PEERS_SHOWN} cheapest peers; {when(results)}", "small"),
             *scale(height)]
    y = TOP
    for case, bars in groups:
        parts.append(label(16, y + 11, case, "case"))
        parts.append(label(16, y + 26, SCENARIOS[case].what, "small"))
        for row in bars:
            parts += bar(y, row)
            y += BAR + GAP
        y += GROUP_GAP
    return "\n".join([*parts, "</svg>", ""])


def chosen(samples):
    """Ours first, then the cheapest peers; nothing without a floor to compare with."""
    ours, peers = ours_and_peers(samples)
    return [row for row in [ours, *peers[:PEERS_SHOWN]] if row and row.cpu_ratio is not None]


def when(results):
    return f"{results['about']['date'][:10]}, Linux {results['about']['kernel'].split('-')[0]}"


def scale(height):
    parts = []
    for half in range(int(CLIP * 2) + 1):
        x = LEFT + half / 2 * SCALE
        kind = "floor" if half == 2 else "grid"
        parts.append(f'<line class="{kind}" x1="{x:.1f}" y1="{TOP - 6}" x2="{x:.1f}" y2="{height - BOTTOM}"/>')
        parts.append(label(x - 4, TOP - 10, "floor" if half == 2 else f"{half / 2:g}", "small"))
    return parts


def bar(y, row):
    mine = row.server == "ours"
    length = min(row.cpu_ratio, CLIP) * SCALE
    parts = [label(LEFT - 8, y + 11, row.server, "name mine" if mine else "name"),
             f'<rect class="{"ours" if mine else "peer"}" x="{LEFT}" y="{y}" width="{length:.1f}" height="{BAR}" rx="2"/>',
             label(LEFT + length + 6, y + 11, f"{row.cpu_ratio:.2f}", "value mine" if mine else "value")]
    if row.cpu_ratio > CLIP:
        # A zigzag says that the bar goes on.
        x = LEFT + length - 14
        parts.append(f'<path class="cut" d="M{x:.1f} {y} l4 {BAR / 2} l-4 {BAR / 2} m5 {-BAR} l4 {BAR / 2} l-4 {BAR / 2}"/>')
    return parts


def label(x, y, words, kind):
    return f'<text class="{kind}" x="{x:.1f}" y="{y}">{escape(words)}</text>'
