"""What is known about a drawn data set, beside it in ``truth.json`` and ``labels.csv``."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from ..common.errors import DataError
from ..common.files import write_bytes, write_json
from .people import RARE
from .plan import Planned

FILE = "truth.json"
EDITION = 1  # grows when the same seed would give other pictures


@dataclass(frozen=True)
class Truth:
    """The truth about one picture; ``""`` where something does not apply."""

    file: str
    id: str
    split: str
    label: str
    kind: str
    outlier: str
    duplicate_of: str
    color: str
    pattern: str


@dataclass(frozen=True)
class DemoTruth:
    """The truth about a drawn data set.

    Attributes:
        root: The folder, a VITON-HD root.
        people: Pictures in ``train``.
        test: Pictures in ``test``.
        seed: What the drawing started from.
        size: Width and height in pixels.
        rare: The garment classes that are rare on purpose.
        pictures: The truth about each picture, by id.
    """

    root: Path
    people: int
    test: int
    seed: int
    size: tuple[int, int]
    rare: tuple[str, ...]
    pictures: tuple[Truth, ...]

    def ids(self, kind: str, split: str = "train") -> list[str]:
        """List the ids of one kind: typical, rare, outlier or near_duplicate."""
        return [p.id for p in self.pictures if p.kind == kind and p.split == split]

    def counts(self, attribute: str = "kind", split: str = "train") -> dict[str, int]:
        """Count a split's pictures by an attribute, the most frequent value first."""
        counts = Counter(getattr(p, attribute) for p in self.pictures if p.split == split)
        return dict(counts.most_common())


def truth_of(planned: Iterable[Planned], **about: object) -> DemoTruth:
    """State the truth that a plan implies."""
    pictures = tuple(
        Truth(
            file=f"{item.split}/image/{item.id}.jpg",
            id=item.id,
            split=item.split,
            label=item.label,
            kind=item.kind,
            outlier=item.outlier,
            duplicate_of=item.duplicate_of,
            color=item.person.garment.colour,
            pattern=item.person.garment.pattern,
        )
        for item in planned
    )
    return DemoTruth(rare=RARE, pictures=pictures, **about)  # type: ignore[arg-type]


def save(truth: DemoTruth) -> None:
    """Write ``labels.csv``, then ``truth.json``, whose presence says that all is there."""
    rows = [asdict(picture) for picture in truth.pictures]
    columns = [name for name in rows[0] if name not in ("id", "split")]
    table = io.StringIO()
    writer = csv.DictWriter(table, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_bytes(truth.root / "labels.csv", table.getvalue().encode())
    about = {key: value for key, value in asdict(truth).items() if key != "root"}
    write_json(
        truth.root / FILE, {"edition": EDITION, "counts": truth.counts(), **about}, checksum=False
    )


def load(root: Path) -> DemoTruth | None:
    """Read the truth about a finished data set; None where there is none of this edition.

    Raises:
        DataError: ``truth.json`` is damaged.
    """
    path = root / FILE
    if not path.is_file():
        return None
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        if stored.pop("edition") != EDITION:
            return None
        stored.pop("counts")
        stored["pictures"] = tuple(Truth(**picture) for picture in stored["pictures"])
        stored |= {"size": tuple(stored["size"]), "rare": tuple(stored["rare"])}
        return DemoTruth(root=root, **stored)
    except (ValueError, KeyError, TypeError, AttributeError) as fault:
        raise DataError(f"{path} is damaged ({fault}); delete {root} and draw it again.") from None
