"""What a study returns, and how it reads in a terminal."""

from __future__ import annotations

import html
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..runs import Run
from . import comparing
from .conclusions import Conclusion

REFERENCES = {
    "held_out": "real images that no arm was trained on",
    "pool": "all images that could be trained on",
}


@dataclass(frozen=True)
class StudyResult:
    """Values of all arms over seeds, the conclusion from them, and where the report is.

    Attributes:
        run: The study's run directory.
        report: The self-contained ``report.html``.
        outcomes: One record per training: arm, seed, values by reference, exposure.
        summary: ``{reference: {arm: {metric: Spread}}}``; references ``held_out`` and ``pool``.
        generated: Name of the FiftyOne data set with the generated images.
        conclusion: The answer that the values allow, by a stated rule.
        notes: What else a reader must know, one sentence each.
    """

    run: Run
    report: Path
    outcomes: list[dict[str, Any]]
    summary: dict[str, dict[str, dict[str, comparing.Spread]]]
    generated: str
    conclusion: Conclusion
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"StudyResult({self.run.id!r}, {len(self.outcomes)} trainings, {self.report})"

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"

    def __str__(self) -> str:
        parts = []
        for against, rows in self.summary.items():
            counts = comparing.counts_text(self.outcomes, against)
            real = comparing.real_scores(self.outcomes, against)
            shown = comparing.as_text(rows, real, self.conclusion.order)
            own = comparing.real_counts_text(self.outcomes, against, real)
            parts.append(f"Against {REFERENCES[against]} ({counts}):\n{shown}\n{own}".rstrip())
        return "\n\n".join(
            [
                *parts,
                "\n".join([str(self.conclusion), *self.notes]),
                f"Report: {self.report}\nOpen the images with: curadiff app {self.generated}",
            ]
        )
