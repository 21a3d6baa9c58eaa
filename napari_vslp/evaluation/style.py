"""The page's type and colours, in light and in dark."""

from __future__ import annotations

STYLE = """
:root {
  color-scheme: light dark;
  --paper: #fdfcfa; --ink: #22262b; --faint: #646b73; --rule: #dcd8d0; --mark: #0b6e4f;
  --s0: #0072b2; --s1: #d55e00; --s2: #009e73; --best: #eef4ef;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #16181b; --ink: #e4e3df; --faint: #9aa0a6; --rule: #34383d; --mark: #6cc9a1;
    --s0: #56b4e9; --s1: #e69f00; --s2: #3fc79a; --best: #1d2822;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 3rem 1.5rem 4rem; max-width: 66rem;
  background: var(--paper); color: var(--ink);
  font: 1.0625rem/1.55 Charter, "Bitstream Charter", "Iowan Old Style", Georgia, serif;
}
h1 { font-size: 1.9rem; line-height: 1.2; font-weight: 600; margin: 0 0 .4rem; }
h2 { font-size: 1.25rem; font-weight: 600; margin: 2.8rem 0 .6rem; }
h3 { font-size: 1.05rem; font-weight: 600; margin: 1.8rem 0 .4rem; overflow-wrap: anywhere; }
p, ul { max-width: 44rem; margin: .5rem 0; }
ul { padding-left: 1.2rem; }
li { margin: .3rem 0; }
.faint, figcaption, .note { color: var(--faint); }
.note, figcaption, table { font-size: .9rem; }
.lead { font-size: 1.15rem; }
table, .tick, .axis, figcaption, .legend {
  font-family: system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
}
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: .36rem .6rem; text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; padding-left: 0; white-space: normal; }
thead th, thead td { border-bottom: 1.5px solid var(--ink); vertical-align: bottom; }
thead th { font-weight: 600; }
tbody td, tbody th { border-bottom: 1px solid var(--rule); font-weight: 400; }
tbody tr.group td, tbody tr.group th { border-top: 2px solid var(--faint); }
tbody tr.main { background: var(--best); }
tbody tr.main th { font-weight: 600; }
td small { color: var(--faint); font-size: .8rem; }
td.drawn { padding: 0 .3rem; }
.bar { width: 120px; height: 16px; display: block; }
.bar line { stroke: var(--mark); stroke-width: 2.2; stroke-linecap: round; }
.bar circle { fill: var(--mark); }
.diagram { width: 100%; max-width: 26rem; display: block; }
.frame { fill: none; stroke: var(--rule); }
.diagonal { fill: none; stroke: var(--faint); stroke-dasharray: 3 4; }
.tick, .axis { fill: var(--faint); font-size: 12px; text-anchor: middle; }
.tick.up { text-anchor: end; }
.series polyline { fill: none; stroke-width: 1.6; stroke: currentColor; }
.series circle { fill: currentColor; fill-opacity: .55; stroke: currentColor; }
.s0 { color: var(--s0); } .s1 { color: var(--s1); } .s2 { color: var(--s2); }
.legend { list-style: none; padding: 0; font-size: .9rem; }
.legend b { font-weight: 400; color: var(--ink); }
.triple { display: grid; grid-template-columns: repeat(3, 1fr); gap: .8rem; margin: .5rem 0; }
figure { margin: 0; }
img { width: 100%; height: auto; display: block; border-radius: 2px; }
@media (max-width: 40rem) {
  .triple { grid-template-columns: 1fr; }
}
@media print {
  body { max-width: none; padding: 0; }
}
"""
