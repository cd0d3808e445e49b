"""A contact sheet of a drawn data set."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from ..common.contact_sheet import contact_sheet
from ..common.errors import DataError
from ..common.images import open_rgb
from .truth import DemoTruth, Truth, load


def write_sheet(
    folder: str | Path, path: str | Path, *, columns: int = 10, width: int = 100
) -> None:
    """Lay pictures of every kind side by side in one PNG file.

    Top rows: typical pictures. Then the rare classes, near-duplicates beside
    their originals, outliers, and garments alone.

    Args:
        folder: A data set that `render` has drawn.
        path: The PNG file to write.
        columns: Pictures in a row.
        width: Width of each picture in pixels.

    Raises:
        DataError: The folder holds no finished drawn data set.
    """
    root = Path(folder).expanduser().absolute()
    truth = load(root)
    if truth is None:
        raise DataError(
            f"{root} holds no drawn data set; draw one with python -m curadiff.demo FOLDER."
        )
    size = (width, round(width * truth.size[1] / truth.size[0]))
    places: list[Image.Image | None] = []
    for row in filter(None, _rows(truth, columns)):
        files = row[:columns]
        places += [open_rgb(root / f).resize(size, Image.Resampling.LANCZOS) for f in files]
        places += [None] * (columns - len(files))
    sheet = contact_sheet(places, columns=columns, size=size, gap=4, margin=4)
    # A palette keeps a sheet of seventy pictures below 300 KB.
    sheet.quantize(256, kmeans=3, dither=Image.Dither.NONE).save(path, optimize=True)


def _rows(truth: DemoTruth, columns: int) -> list[list[str]]:
    by_id = {picture.id: picture for picture in truth.pictures}

    def of(kind: str) -> list[Truth]:
        return [by_id[name] for name in truth.ids(kind)]

    typical = [picture.file for picture in of("typical")]
    rare = sorted(of("rare"), key=lambda picture: picture.id)
    repeats = sorted(of("near_duplicate"), key=lambda picture: (picture.duplicate_of, picture.id))
    pairs = [file for p in repeats for file in (by_id[p.duplicate_of].file, p.file)]
    pairs = list(dict.fromkeys(pairs))  # an original once, then its copies
    clothes = [file.replace("/image/", "/cloth/") for file in typical[3 * columns :]]
    return [
        *(typical[start : start + columns] for start in range(0, 3 * columns, columns)),
        [picture.file for picture in rare],
        pairs,
        [picture.file for picture in of("outlier")],
        clothes,
    ]
