#pragma once
#include <string_view>

namespace defound {

/// The style sheet of every report. Colours are variables, set once for light and once for dark pages.
inline constexpr std::string_view kReportStyle = R"(
:root { color-scheme: light dark;
  --page: #fdfdfc; --text: #1d2329; --faint: #66707a; --line: #dde1e5; --grid: #e9ecef; --shade: 31, 95, 168; --on-shade: #fff;
  --warn-page: #fdeeea; --warn-text: #8c2413; --warn-line: #d0452c;
  --c0: #1f5fa8; --c1: #d2601a; --c2: #23865a; --c3: #a3347f; --c4: #8a6a0a; --c5: #5a4fc0; --c6: #b3303a; --c7: #2f8797; }
@media (prefers-color-scheme: dark) { :root {
  --page: #14181c; --text: #e4e8ec; --faint: #98a3ae; --line: #333b43; --grid: #252c33; --shade: 84, 148, 222; --on-shade: #0c1116;
  --warn-page: #3a1b15; --warn-text: #ffc3b5; --warn-line: #e8684e;
  --c0: #6aa9ee; --c1: #f0955a; --c2: #5cc492; --c3: #df84c1; --c4: #d3b04a; --c5: #a59cf5; --c6: #f0808a; --c7: #6cc5d4; } }
body { margin: 0; background: var(--page); color: var(--text); font: 16px/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", "DejaVu Sans", sans-serif; }
main { max-width: 74rem; margin: 0 auto; padding: 2rem 1.5rem 4rem; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .2rem; font-weight: 650; }
.subtitle { color: var(--faint); margin: 0 0 1.5rem; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 2.2rem 0 .7rem; padding-bottom: .3rem; border-bottom: 1px solid var(--line); font-weight: 650; }
p { max-width: 46rem; margin: .6rem 0; overflow-wrap: anywhere; }
.warning { max-width: none; background: var(--warn-page); color: var(--warn-text); border-left: 4px solid var(--warn-line); padding: .7rem 1rem; border-radius: 3px; }
.wide { overflow-x: auto; margin: .8rem 0 1.2rem; }
table { border-collapse: collapse; font-size: .92rem; font-variant-numeric: tabular-nums; }
th, td { padding: .32rem .9rem .32rem 0; text-align: left; vertical-align: baseline; border-bottom: 1px solid var(--line); }
th { white-space: nowrap; }
thead th { color: var(--faint); font-weight: 600; border-bottom: 1px solid var(--faint); }
tbody tr:last-child td, tbody tr:last-child th { border-bottom: 0; }
.n { text-align: right; padding: .32rem 0 .32rem 1.4rem; white-space: pre; }
figure { display: inline-block; vertical-align: top; margin: .6rem 1.2rem 1.2rem 0; width: 34.5rem; max-width: 100%; }
figure.picture { width: auto; }
figcaption { font-size: .95rem; font-weight: 600; margin-bottom: .3rem; overflow-wrap: anywhere; }
svg { display: block; width: 100%; height: auto; overflow: hidden; }
svg text { fill: var(--faint); font-size: 12.5px; font-variant-numeric: tabular-nums; }
svg .label { fill: var(--text); font-size: 13.5px; }
svg .grid { stroke: var(--grid); }
svg .axis { stroke: var(--faint); fill: none; }
svg g path { fill: none; stroke: currentColor; stroke-width: 1.9; stroke-linejoin: round; stroke-linecap: round; }
svg g circle { fill: currentColor; }
svg .dense path { stroke-width: 1; }
svg .points circle { opacity: .7; }
svg .broken path { stroke-dasharray: 7 4; }
svg .reference { color: var(--faint); }
svg .reference path { stroke-width: 1.2; stroke-dasharray: 4 4; }
.c0 { color: var(--c0); } .c1 { color: var(--c1); } .c2 { color: var(--c2); } .c3 { color: var(--c3); }
.c4 { color: var(--c4); } .c5 { color: var(--c5); } .c6 { color: var(--c6); } .c7 { color: var(--c7); }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: .15rem 1.1rem; margin: .3rem 0 0; padding: 0 0 0 3rem; font-size: .86rem; }
.legend span { color: var(--text); overflow-wrap: anywhere; }
.legend li::before { content: ""; display: inline-block; width: 1.3em; border-top: 2.5px solid currentColor; vertical-align: .28em; margin-right: .45em; }
.legend .broken::before, .legend .reference::before { border-top-style: dashed; }
.legend .reference { color: var(--faint); }
.bars { width: 100%; } .bars td { border: 0; padding: .12rem .7rem .12rem 0; } .bars td:nth-child(2) { width: 62%; }
.bars i { display: block; height: .85em; border-radius: 2px; background: var(--c0); min-width: 1px; }
.matrix th, .matrix td { border: 0; padding: .3rem .55rem; } .matrix thead th { border: 0; text-align: center; vertical-align: bottom; }
.matrix td { text-align: center; min-width: 2.6rem; background: rgba(var(--shade), var(--share)); border: 1px solid var(--page); }
.matrix td.full { color: var(--on-shade); } .matrix small { display: block; font-size: .72rem; opacity: .8; }
.matrix .tall span { writing-mode: vertical-rl; transform: rotate(180deg); max-height: 11rem; }
img { display: block; max-width: 100%; border-radius: 3px; }
.gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(8.5rem, 1fr)); gap: 1rem .9rem; margin: .8rem 0 1.4rem; }
.gallery figure { width: auto; margin: 0; } .gallery img { width: 100%; }
.gallery figcaption { font-size: .78rem; font-weight: 400; line-height: 1.35; margin: .35rem 0 0; white-space: pre-line; color: var(--faint); }
@media print { main { padding: 0; } figure, table { break-inside: avoid; } }
)";

}  // namespace defound
