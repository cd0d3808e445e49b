"""Which training images a drawn picture is made of: exact, because it is a mix of them.

A picture's source is written into its PNG file, so that both are there or neither is; when a
folder is complete, ``sources.npz`` holds all of them as one sparse matrix.
"""

from __future__ import annotations

import base64
import itertools
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import PngImagePlugin

from ...common.errors import RunError
from ...common.files import replacing
from ...common.images import png_text
from .denoiser import Weights

FILE = "sources.npz"
WORD = "curadiff:sources"  # in the PNG file's text
LEAST = 1e-7  # smaller shares are left out of the files, and what is left is scaled to sum 1


@dataclass(frozen=True)
class Source:
    """What share of one picture each training image makes.

    Attributes:
        rows: (m,) int32 rows of the manifest, ascending, each once; others have share 0.
        shares: (m,) float32, sum 1: means over the picture's pixels of the last noise level's
            weights. A mirrored image counts as the image.
    """

    rows: np.ndarray
    shares: np.ndarray

    @classmethod
    def from_weights(cls, weights: Weights, n: int) -> Source:
        """Sum up the weights of a picture by image, mirrored or not."""
        share = weights.share().double().cpu().numpy()
        rows = np.arange(len(share)) if weights.rows is None else weights.rows.cpu().numpy()
        total = np.bincount(rows % n, weights=share, minlength=n)
        kept = np.flatnonzero(total > LEAST * total.sum())
        shares = total[kept] / total[kept].sum()
        return cls(kept.astype(np.int32), shares.astype(np.float32))

    @classmethod
    def empty(cls) -> Source:
        """Return the source of a picture that is made of nothing yet."""
        return cls(np.empty(0, np.int32), np.empty(0, np.float32))

    def largest(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows with the largest shares, largest first, and these shares."""
        order = np.argsort(-self.shares, kind="stable")[:count]
        return self.rows[order], self.shares[order]

    def text(self) -> PngImagePlugin.PngInfo:
        """Return the source as text for a PNG file."""
        packed = zlib.compress(
            self.rows.astype("<i4").tobytes() + self.shares.astype("<f4").tobytes()
        )
        info = PngImagePlugin.PngInfo()
        info.add_text(WORD, base64.b64encode(packed).decode())
        return info


def read(path: Path) -> Source:
    """Read the source of a picture from its PNG file.

    Raises:
        RunError: It has none; it was not drawn by the analytic network, or was changed since.
    """
    text = png_text(path, WORD)
    if text is None:
        raise RunError(
            f"{path} does not say which training images it is made of; delete it and draw again."
        )
    packed = zlib.decompress(base64.b64decode(text))
    rows, shares = np.frombuffer(packed, "<i4"), np.frombuffer(packed, "<f4")
    half = len(rows) // 2
    return Source(rows[:half].astype(np.int32), shares[half:].astype(np.float32))


def collect(folder: Path, names: Sequence[str]) -> Path:
    """Write ``sources.npz`` of a folder: ``starts`` (d + 1,), ``rows`` and ``shares``.

    Picture i of ``names`` is made of ``rows[starts[i]:starts[i + 1]]`` of the manifest.
    """
    picture_sources = [read(folder / name) for name in names]
    starts = np.concatenate([[0], np.cumsum([len(one.rows) for one in picture_sources])])
    path = folder / FILE
    with replacing(path) as part, part.open("wb") as file:
        np.savez(
            file,
            starts=starts.astype(np.int64),
            rows=np.concatenate([one.rows for one in picture_sources]),
            shares=np.concatenate([one.shares for one in picture_sources]),
        )
    return path


def load(folder: Path) -> list[Source]:
    """Read the sources of all pictures of a folder, in their order.

    Raises:
        RunError: The folder has none.
    """
    path = Path(folder) / FILE
    if not path.exists():
        raise RunError(f"{folder} has no {FILE}; draw it again with the network analytic.")
    try:
        with np.load(path) as stored:  # each array in it has a checksum
            starts, rows, shares = stored["starts"], stored["rows"], stored["shares"]
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as fault:
        raise RunError(f"{path} is damaged ({fault}); delete it and draw again.") from fault
    parts = [slice(*ends) for ends in itertools.pairwise(starts)]
    return [Source(rows[part], shares[part]) for part in parts]
