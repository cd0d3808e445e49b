"""What ``preview`` returns."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...runs import Run
from . import LABEL, table


@dataclass(frozen=True)
class PreviewResult:
    """What a preview shows.

    Attributes:
        run: The preview's run directory.
        page: The self-contained ``preview.html``.
        outcomes: One record per arm: counts, forecast, values of what it draws, worst images.
        real: What real images score in place of the drawings.
        generated: Name of the FiftyOne data set with the drawings; None without fields.
        notes: What else a reader must know, one sentence each.
        study_arms: The same arms for a study: ``study(source, arms=result.study_arms)``.
        not_in_study: Arms that no study can have: those without their worst images.
    """

    run: Run
    page: Path
    outcomes: list[dict[str, Any]]
    real: dict[str, float]
    generated: str | None
    notes: tuple[str, ...] = ()
    study_arms: tuple[str, ...] = ()
    not_in_study: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"PreviewResult({self.run.id!r}, {len(self.outcomes)} arms, {self.page})"

    def __str__(self) -> str:
        opened = f"\nOpen the drawings with: curadiff app {self.generated}"
        notes = "".join(f"\n{note}" for note in self.notes)
        return (
            f"{table.as_text(self.outcomes, self.real)}\n{notes}\nPage: {self.page}"
            f"{opened if self.generated else ''}"
        )

    def _repr_html_(self) -> str:
        return f"<p><b>{LABEL}</b></p>{table.as_html(self.outcomes, self.real)}"
