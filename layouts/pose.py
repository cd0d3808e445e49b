"""Body points from JSON, as OpenPose and the Dress Code data set write them."""

from __future__ import annotations

import json
from pathlib import Path

from ..common.errors import DataError

DRESS_CODE_SIZE = (384, 512)  # pixels in which Dress Code gives its points

Point = tuple[float, float, float]


def body_points(path: Path) -> tuple[list[Point], tuple[int, int] | None]:
    """Read the points of the first body in a file.

    Returns:
        (x, y, score) per point, none where nobody is in the picture; and the size in
        pixels that they refer to, None where it is the photograph's own.

    Raises:
        DataError: The file holds neither ``people[0].pose_keypoints_2d``, numbers in
            threes, nor ``keypoints``, lists that begin with x and y.
    """
    try:
        document = json.loads(path.read_bytes())
        if "keypoints" in document:  # (x, y, ...), -1 for a point that is not seen
            points = [(float(x), float(y), float(x >= 0)) for x, y, *_ in document["keypoints"]]
            return points, DRESS_CODE_SIZE
        people = document["people"]
        numbers = [float(value) for value in people[0]["pose_keypoints_2d"]] if people else []
        triples = zip(numbers[::3], numbers[1::3], numbers[2::3], strict=True)
        return list(triples), None
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as fault:
        raise DataError(f"{path} does not hold OpenPose body points ({fault!r}).") from None
