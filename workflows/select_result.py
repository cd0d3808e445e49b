"""What a selection did, for scripts, shells and notebooks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..common.words import plural

SHOWN = 16  # images of a selection that a notebook shows


@dataclass(frozen=True)
class SelectResult:
    """What a selection did.

    Attributes:
        name: The selection's tag and saved view.
        ids: Chosen sample ids, in pick order.
        view: FiftyOne view of them, in pick order; None where the pool was shards.
        config: Settings, counts and hashes, as stored with the run.
        repeated: True when the same selection was there already and nothing was done.
        folder: Where the chosen rows are, where the pool was shards.
    """

    name: str
    ids: list[str]
    view: Any
    config: dict[str, Any]
    repeated: bool = False
    folder: Path | None = None

    @property
    def dataset(self) -> str:
        """Name of the data set; where the pool was shards, the folder of the chosen rows."""
        return self.view._root_dataset.name if self.folder is None else str(self.folder)

    def to_json(self) -> dict[str, Any]:
        """Return name, data set, ids in pick order and what is stored with them, as JSON."""
        return {
            "name": self.name,
            "dataset": self.dataset,
            "ids": self.ids,
            "repeated": self.repeated,
            **self.config,
        }

    def _repr_html_(self) -> str:
        """Return the sentence and the first images, for a notebook."""
        from html import escape

        if self.folder is not None:
            return f"<p>{escape(str(self))}</p>"
        from ..common.contact_sheet import data_url, square_grid

        paths = self.view.limit(SHOWN).values("filepath")
        sheet = square_grid([Path(path) for path in paths], columns=SHOWN // 2)
        return (
            f"<p>{escape(str(self))}</p>"
            f'<img alt="the first {len(paths)} chosen images" src="{data_url(sheet)}">'
        )

    def __repr__(self) -> str:
        again = ", repeated" if self.repeated else ""
        return f"SelectResult({self.name!r}, {plural(len(self.ids), 'sample')}{again})"

    def __str__(self) -> str:
        if self.repeated:
            return f"{self.name}: the same selection is there already, nothing to do"
        what = "samples tagged" if self.folder is None else f"rows written to {self.folder}"
        text = f"{self.name}: {len(self.ids)} of {self.config['pool_size']} {what}"
        if self.config["shortfall"]:
            text += f", {self.config['shortfall']} fewer than asked: {self.config['stop_reason']}"
        if count := self.config.get("cells"):
            many, bound = "s" * (count > 1), self.config["bound"]
            text += (
                f", in {count:,} cell{many}: no row that may be chosen is farther than {bound:.3g} "
                "from a chosen one"
            )
        if self.config.get("report"):
            text += f"\nReport: {self.config['report']}"
        if self.config["missing"]:
            text += f"; {plural(self.config['missing'], 'sample')} without embedding left out"
        return text
