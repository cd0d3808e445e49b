"""The frame of a page of results: dark and light, from a phone to paper, without a script."""

from __future__ import annotations

import html

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
:root {{ --ink: #1d2129; --quiet: #5c6470; --line: #dfe3e8; --paper: #fff; --card: #f6f7f9;
  --band: rgba(110,120,135,.18); --good: #1e7b46; --wait: #8a6100; --bad: #a33a2b;
  color-scheme: light dark; }}
@media (prefers-color-scheme: dark) {{ :root {{ --ink: #e6e8ec; --quiet: #a3abb8;
  --line: #343a44; --paper: #14171c; --card: #1d2128; --band: rgba(160,170,185,.2);
  --good: #58c48a; --wait: #e0b04a; --bad: #ef8b78; }} }}
* {{ box-sizing: border-box; }}
body {{ font: 16px/1.55 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 1120px; margin: 0 auto; padding: 2rem 1.25rem 4rem; }}
h1 {{ font-size: 1.75rem; line-height: 1.25; margin: 0 0 .3rem; overflow-wrap: anywhere; }}
h2 {{ font-size: 1.2rem; margin: 2.6rem 0 .5rem; }}
p {{ margin: .4rem 0; }}
.quiet {{ color: var(--quiet); font-size: .9rem; max-width: 80ch; overflow-wrap: anywhere; }}
.answer {{ background: var(--card); border-left: 4px solid var(--tone); border-radius: 4px;
  padding: .9rem 1.1rem; margin: 1.1rem 0; }}
.answer .word {{ color: var(--tone); font-weight: 700; font-size: .85rem;
  letter-spacing: .04em; text-transform: uppercase; }}
.answer .text {{ font-size: 1.15rem; max-width: 68ch; }}
.answer li {{ max-width: 78ch; margin: .25rem 0; }}
.answer ul {{ padding-left: 1.1rem; margin: .5rem 0 0; font-size: .95rem; }}
.better {{ --tone: var(--good); }} .undecided {{ --tone: var(--wait); }}
.unusable {{ --tone: var(--bad); }}
.plots {{ display: grid; gap: 1.4rem 2.5rem;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); }}
.plot {{ min-width: 0; }}
.plot > figcaption {{ font-weight: 600; font-size: .95rem; color: var(--ink); margin: 0 0 .3rem; }}
.plot > figcaption small {{ color: var(--quiet); font-weight: 400; }}
.row {{ display: grid; grid-template-columns: minmax(4.5rem, 22%) 1fr minmax(7rem, 26%);
  gap: .6rem; align-items: center; font-size: .88rem; min-height: 1.85rem; }}
.row .arm {{ overflow-wrap: anywhere; line-height: 1.2; }}
.row .value {{ font-variant-numeric: tabular-nums; text-align: right; line-height: 1.2; }}
.track {{ position: relative; height: 1.85rem; border-bottom: 1px solid var(--line); }}
.track i {{ position: absolute; top: 0; bottom: 0; }}
.track .band {{ background: var(--band); }}
.track .line {{ border-left: 2px dashed var(--quiet); margin-left: -1px; }}
.track .mean {{ width: 3px; margin-left: -1.5px; top: .3rem; bottom: .3rem;
  background: var(--color); }}
.track .dot {{ width: .7rem; height: .7rem; margin: -.35rem 0 0 -.35rem; top: 50%; bottom: auto;
  border-radius: 50%; background: var(--color); border: 1.5px solid var(--paper); }}
.track .whisker {{ height: 3px; margin-top: -1.5px; top: 50%; bottom: auto; border-radius: 2px;
  background: var(--color); }}
.forest {{ margin: 1.2rem 0 1.6rem; }}
.forest .row {{ grid-template-columns: minmax(4.5rem, 16%) 1fr minmax(9rem, 22%); }}
.forest .value small {{ color: var(--quiet); white-space: nowrap; }}
.axis .track {{ border: 0; height: 1.2rem; color: var(--quiet); font-size: .78rem;
  display: flex; justify-content: space-between; }}
.axis {{ min-height: 1.2rem; }}
.curves svg {{ width: 100%; height: 15rem; display: block; overflow: visible;
  border: 1px solid var(--line); border-width: 0 0 1px 1px; }}
.curves polyline {{ fill: none; stroke-width: 1.5; vector-effect: non-scaling-stroke; }}
.curves .ends {{ display: flex; justify-content: space-between; color: var(--quiet);
  font-size: .78rem; }}
.legend {{ display: flex; flex-wrap: wrap; gap: .3rem 1.1rem; font-size: .88rem; margin: .4rem 0; }}
.legend b {{ display: inline-block; width: .8rem; height: .8rem; border-radius: 50%;
  margin-right: .35rem; vertical-align: -.08rem; background: var(--color); }}
.scroll {{ overflow-x: auto; }}
table {{ border-collapse: collapse; margin-bottom: .9rem; font-size: .93rem;
  font-variant-numeric: tabular-nums; }}
th, td {{ padding: .4rem .8rem; border-bottom: 1px solid var(--line); text-align: right;
  white-space: nowrap; }}
td small {{ display: block; color: var(--quiet); line-height: 1.2; }}
th:first-child {{ text-align: left; position: sticky; left: 0; background: var(--paper);
  padding-left: 0; }}
thead th {{ color: var(--quiet); font-weight: 600; font-size: .83rem; vertical-align: bottom; }}
table.wide th, table.wide td {{ padding: .4rem .5rem; }}
table.wide thead th {{ white-space: normal; }}
tr.groups th, tr.groups td {{ border-bottom: 0; padding-bottom: 0; text-align: center; }}
tr.real {{ color: var(--quiet); font-style: italic; }}
td.best {{ color: var(--good); font-weight: 700; }}
.grids {{ display: grid; gap: 1.1rem; margin: .6rem 0 1.4rem;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 15rem), 1fr)); }}
figure {{ margin: 0; }}
.grids figure {{ max-width: 34rem; }}
.grids.large {{ grid-template-columns: repeat(auto-fill, minmax(min(100%, 24rem), 1fr)); }}
th:first-child {{ min-width: 5.5rem; }}
figure img {{ width: 100%; height: auto; border-radius: 4px; display: block; }}
.grids figcaption {{ color: var(--quiet); font-size: .9rem; margin-top: .3rem; }}
pre {{ overflow-x: auto; font-size: .8rem; background: var(--card); padding: 1rem;
  border-radius: 4px; }}
dl {{ display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1.2rem; font-size: .9rem; }}
dt {{ color: var(--quiet); }} dd {{ margin: 0; overflow-wrap: anywhere; }}
@media (max-width: 34rem) {{
  body {{ padding: 1.2rem .9rem 3rem; }} h1 {{ font-size: 1.4rem; }}
  .answer .text {{ font-size: 1.05rem; }}
  .row, .forest .row {{ grid-template-columns: 4.6rem 1fr 5.6rem; gap: .4rem; font-size: .82rem; }}
  .forest .value small {{ display: block; font-size: .68rem; }}
  .grids.large {{ grid-template-columns: 1fr; }}
  th, td {{ padding: .35rem .55rem; }}
  .grids {{ grid-template-columns: 1fr 1fr; gap: .6rem; }}
  dl {{ grid-template-columns: 1fr; }} dd {{ margin-bottom: .4rem; }}
}}
@media print {{
  :root {{ --ink: #000; --quiet: #444; --line: #bbb; --paper: #fff; --card: #f3f3f3;
    --band: rgba(110,120,135,.25); --good: #1e7b46; --wait: #8a6100; --bad: #a33a2b;
    color-scheme: light; }}
  @page {{ margin: 14mm; }}
  body {{ font-size: 11pt; padding: 0; max-width: none; print-color-adjust: exact;
    -webkit-print-color-adjust: exact; }}
  h2, h2 + p, .legend {{ break-after: avoid; }} th:first-child {{ position: static; }}
  figure, .answer, .plot, .scroll, .curves {{ break-inside: avoid; }}
  .scroll {{ overflow: visible; }} table {{ font-size: 8.5pt; }} th, td {{ padding: .25rem .4rem; }}
  .plots {{ grid-template-columns: 1fr 1fr; gap: 1rem 1.6rem; }}
  .row {{ grid-template-columns: 3.8rem 1fr 5rem; font-size: 8pt; }}
  .grids, .grids.large {{ grid-template-columns: repeat(4, 1fr); gap: .6rem; }}
  details::details-content {{ content-visibility: visible; }} summary {{ list-style: none; }}
  pre {{ white-space: pre-wrap; overflow-wrap: anywhere; }}
}}
</style>
</head>
<body>
<main>
{body}
</main>
</body>
</html>
"""


def figure(url: str, caption: str, *, alt: str) -> str:
    """Return a picture with its caption.

    Args:
        url: The picture's address.
        caption: What stands below it, as plain text.
        alt: What it shows, for those who do not see it.
    """
    return (
        f"<figure><img src='{url}' alt='{html.escape(alt)}'>"
        f"<figcaption>{html.escape(caption)}</figcaption></figure>"
    )


def track_row(name: str, marks: str, value: str) -> str:
    """Return a row of a chart: its name, marks on a track, and a value.

    Args:
        name: Plain text.
        marks: HTML of what stands on the track.
        value: HTML.
    """
    return (
        f"<div class=row><span class=arm>{html.escape(name)}</span>"
        f"<span class=track>{marks}</span><span class=value>{value}</span></div>"
    )
