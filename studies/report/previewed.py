"""What the preview said of a study's arms, beside what the trained networks scored."""

from __future__ import annotations

import html
import statistics

from .. import comparing
from ..preview import LABEL, table
from ..preview.agreement import Previewed, agreements

MOST = 4  # metrics beside one another in a table; the agreement is said of all


def previewed_section(previewed: Previewed | None, summary: comparing.Summary) -> str:
    """Return the part of a report about the study's preview, empty without one.

    Args:
        previewed: The preview.
        summary: Values of the trained arms.
    """
    if previewed is None:
        return ""
    head, lines = "", []
    both = [
        name
        for name in (*table.DECIDING, *table.FURTHER)
        if previewed.values.get(name) and any(name in row for row in summary.values())
    ]
    if not both:
        return ""
    beside = both[:MOST]
    for name in beside:
        head += f"<th>{html.escape(table.title(name))} previewed</th><th>trained</th>"
    for arm, row in summary.items():
        cells = ""
        for name in beside:
            drawn = previewed.values[name].get(arm)
            before = comparing.number(statistics.fmean(drawn)) if drawn else "–"
            after = comparing.number(row[name].mean) if name in row else "–"
            cells += f"<td>{before}</td><td>{after}</td>"
        lines.append(f"<tr><th>{html.escape(arm)}</th>{cells}</tr>")
    sentences = [
        f"<li>{html.escape(comparing.SHOWN[name][0])}: {agreement}.</li>"
        for name, agreement in agreements(previewed, summary).items()
    ]
    return (
        f"<h2>What the preview said</h2><p class=quiet>{LABEL} Its values are not those of a "
        "network: compare the order of the arms, not the numbers.</p><div class=scroll><table>"
        f"<thead><tr><th>arm</th>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table></div>"
        f"<ul class=quiet>{''.join(sentences)}</ul><p class=quiet>Its pictures: "
        f"<code>{html.escape(str(previewed.page))}</code></p>"
    )
