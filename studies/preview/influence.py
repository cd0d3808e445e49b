"""Which training images make an arm's bad drawings, written as fields of the samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ... import runs
from ...common.errors import RunError
from ...config import PreviewSettings
from ...datasets import attribution, reading
from ...runs import Run
from ...workflows.generating import import_generated
from ..judging import Judge
from .scores import drawing_features

MOST_SOURCES = 10  # training images that a drawing's sample names


def far_from_real(judge: Judge, x: np.ndarray) -> list[bool]:
    """Tell which drawings no held-out image is near, from their features (m, d)."""
    from ...diffusion.analytic import harm

    return harm.outside(real=judge.references["held_out"].x, drawn=x).tolist()


class ArmInfluence:
    """Use and harm of the training images of one arm.

    Args:
        outcome: The record of the arm, with all its drawings.
        config: Settings of the preview.
        pool: The images that arms may have.
        judge: Says which drawings no real image is near.
    """

    def __init__(
        self,
        outcome: Mapping[str, Any],
        config: PreviewSettings,
        pool: reading.Samples,
        judge: Judge,
    ) -> None:
        from ...diffusion.analytic import harm, sources

        self.arm, self.config = outcome["arm"], config
        self.model_run = Run(Path(outcome["run_path"]))
        self.manifest = runs.read_json(self.model_run.path / "manifest.json")
        self.ids = _sample_ids(self.manifest, pool)
        self.drawn = list(outcome["drawn"].values())
        self.sources = [sources.load(Path(drawing["folder"])) for drawing in self.drawn]
        flat = [source for folder in self.sources for source in folder]
        bad = np.concatenate([np.array(drawing["bad"]) for drawing in self.drawn])
        of_drawings = harm.influence(flat, outside=bad, n=len(self.ids))
        self.use, self.share_bad = of_drawings.use, of_drawings.bad
        if config.variations:
            flat, bad = self._variations(judge)
        self.harm = harm.influence(flat, outside=bad, n=len(self.ids))
        self.chance = harm.chance(flat, outside=bad, n=len(self.ids))

    def _variations(self, judge: Judge) -> tuple[list[Any], np.ndarray]:
        """Return sources and flags of drawings begun at training images, so that each is tried."""
        from ...diffusion.analytic import variations

        folder, rows = variations.vary(
            self.model_run,
            count=self.config.variations,
            evaluations=self.config.steps,
            device=self.config.device,
        )
        x = drawing_features(judge, folder, f"variations of {self.arm}").x
        return list(variations.load(folder, rows)), np.array(far_from_real(judge, x))

    def worst(self) -> list[dict[str, Any]]:
        """Return the images that do harm, most first: ``id``, ``name``, ``path``, ``harm`` ..."""
        return [
            {
                "id": self.ids[row],
                "name": self.manifest["ids"][row],
                "path": self.manifest["paths"][row],
                "harm": float(self.harm.harm[row]),
                "low": float(self.harm.low[row]),
                "rate": float(self.harm.rate[row]),
            }
            for row in self.harm.worst()
            if self.harm.harm[row] > 0
        ]

    def write_fields(self, dataset: Any, generated: str) -> None:
        """Write sources on the drawings' samples, and use and harm on the training images'.

        Args:
            dataset: The data set with the training images.
            generated: Name of the data set with the drawings; made when it is not there.
        """
        for drawing, sources in zip(self.drawn, self.sources, strict=True):
            linked = import_generated(drawing["folder"], name=generated, arm=self.arm)
            attribution.write_sources(
                linked.dataset,
                Path(drawing["folder"]),
                [self._largest(source) for source in sources],
                inside=[not bad for bad in drawing["bad"]],
                parts_in=_largest_parts,
            )
        attribution.write_harm(
            dataset,
            self.config.name,
            self.arm,
            ids=self.ids,
            use=self.use,
            harm=self.harm.harm,
            low=self.harm.low,
        )

    def _largest(self, source: Any) -> Sequence[tuple[str, float]]:
        rows, shares = source.largest(MOST_SOURCES)
        return [(self.ids[row], float(share)) for row, share in zip(rows, shares, strict=True)]


def _largest_parts(folder: Path) -> list[attribution.Parts] | None:
    """Return the largest parts of each drawing of a folder, None where its files do not say."""
    from ...diffusion.analytic import sources

    try:
        drawn = sources.load(folder)
    except RunError:
        return None
    largest = [one.largest(MOST_SOURCES) for one in drawn]
    return [([*map(int, rows)], [*map(float, shares)]) for rows, shares in largest]


def _sample_ids(manifest: Mapping[str, Any], pool: reading.Samples) -> list[str]:
    """Return the sample of each image of a manifest, which calls it by its name or its file."""
    known = dict(zip(pool.names, pool.ids, strict=True))
    known |= dict(zip(pool.paths, pool.ids, strict=True))
    return [known[name] for name in manifest["ids"]]
