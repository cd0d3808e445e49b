"""A contact sheet of a drawn data set."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from ..common.errors import DataError
from ..common.images import open_rgb
from .truth import DemoTruth, Truth, load


def contact_sheet(
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
    rows = [row[:columns] for row in _rows(truth, columns) if row]
    height = round(width * truth.size[1] / truth.size[0])
    gap = 4
    across, down = columns * (width + gap) + gap, len(rows) * (height + gap) + gap
    sheet = Image.new("RGB", (across, down), "white")
    for y, row in enumerate(rows):
        for x, file in enumerate(row):
            small = open_rgb(root / file).resize((width, height), Image.Resampling.LANCZOS)
            sheet.paste(small, (gap + x * (width + gap), gap + y * (height + gap)))
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
