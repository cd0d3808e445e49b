"""The frame of the report's page: light paper, readable on a phone."""

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} – Curadiff</title>
<style>
:root {{ --ink: #1d2129; --quiet: #5c6470; --line: #dfe3e8; --paper: #fff; --best: #e7f3ea;
  color-scheme: light; }}
body {{ font: 16px/1.55 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 1180px; margin: 0 auto; padding: 2rem 1.25rem 4rem; }}
h1 {{ font-size: 2rem; margin: 0 0 .5rem; }}
h2 {{ font-size: 1.2rem; margin: 2.6rem 0 .6rem; }}
.lead {{ font-size: 1.2rem; max-width: 62ch; margin: .3rem 0; }}
.quiet {{ color: var(--quiet); font-size: .9rem; max-width: 80ch; }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; display: block;
  overflow-x: auto; }}
th, td {{ padding: .4rem .9rem; border-bottom: 1px solid var(--line); text-align: right;
  white-space: nowrap; }}
th:first-child {{ text-align: left; }}
thead th {{ color: var(--quiet); font-weight: 600; font-size: .85rem; }}
tr.real {{ color: var(--quiet); font-style: italic; }}
td.best {{ background: var(--best); font-weight: 600; }}
.grids {{ display: grid; gap: 1.1rem;
  grid-template-columns: repeat(auto-fit, minmax(230px, 1fr)); }}
figure {{ margin: 0; }}
figure img {{ width: 100%; border-radius: 4px; display: block; }}
figcaption {{ color: var(--quiet); font-size: .9rem; margin-top: .35rem; }}
pre {{ overflow-x: auto; font-size: .8rem; background: #f5f6f8; padding: 1rem; }}
</style>
</head>
<body>
{body}
</body>
</html>
"""
