"""How try-on annotations look in FiftyOne: body parts as masks, poses as keypoints."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..errors import DataError
from ..images import size_of
from .database import fiftyone

LIP_LABELS = (
    "background", "hat", "hair", "glove", "sunglasses", "upper-clothes", "dress", "coat",
    "socks", "pants", "neck", "scarf", "skirt", "face", "left-arm", "right-arm", "left-leg",
    "right-leg", "left-shoe", "right-shoe",
)  # fmt: skip
"""What the values 0 to 19 of a body-part mask mean, in the order of the LIP data set."""


def keypoints(image: Path, pose: Path) -> Any:
    """Read OpenPose's body points as FiftyOne keypoints relative to the image; None without a body.

    Args:
        image: The photograph, for its size.
        pose: JSON with ``people[0].pose_keypoints_2d``: 25 times (x, y, score) in pixels.

    Raises:
        DataError: The file does not hold that.
    """
    fo = fiftyone()
    try:
        people = json.loads(pose.read_text())["people"]
        numbers = people[0]["pose_keypoints_2d"] if people else []
        triples = [
            [float(value) for value in numbers[i : i + 3]] for i in range(0, len(numbers), 3)
        ]
    except (OSError, ValueError, KeyError, TypeError) as fault:
        raise DataError(f"{pose} does not hold OpenPose body points ({fault!r}).") from None
    if not triples:
        return None
    width, height = size_of(image)
    unseen = (float("nan"), float("nan"))
    return fo.Keypoints(
        keypoints=[
            fo.Keypoint(
                label="body",
                points=[
                    (x / width, y / height) if score > 0 else unseen for x, y, score in triples
                ],
                confidence=[score for _, _, score in triples],
            )
        ]
    )
