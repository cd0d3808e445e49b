"""How try-on annotations look in FiftyOne: body parts as masks, poses as keypoints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..common.images import size_of
from ..layouts.pose import body_points
from .database import fiftyone

LIP_LABELS = (
    "background", "hat", "hair", "glove", "sunglasses", "upper-clothes", "dress", "coat",
    "socks", "pants", "neck", "scarf", "skirt", "face", "left-arm", "right-arm", "left-leg",
    "right-leg", "left-shoe", "right-shoe",
)  # fmt: skip
"""What the values 0 to 19 of a body-part mask mean, in the order of the LIP data set."""

ATR_LABELS = (
    "background", "hat", "hair", "sunglasses", "upper-clothes", "skirt", "pants", "dress", "belt",
    "left-shoe", "right-shoe", "head", "left-leg", "right-leg", "left-arm", "right-arm", "bag",
    "scarf",
)  # fmt: skip
"""The same for Dress Code's label maps, values 0 to 17, in the order of the ATR data set."""

MASKS = {"parse": LIP_LABELS, "label_map": ATR_LABELS}
"""Companions of an image that are masks, and what their values mean."""


def keypoints(image: Path, pose: Path) -> Any:
    """Read OpenPose's body points as FiftyOne keypoints relative to the image; None without a body.

    Args:
        image: The photograph, for its size.
        pose: A file that `body_points` reads.

    Raises:
        DataError: The file does not hold that.
    """
    fo = fiftyone()
    points, drawn_at = body_points(pose)
    if not points:
        return None
    width, height = drawn_at or size_of(image)
    unseen = (float("nan"), float("nan"))
    return fo.Keypoints(
        keypoints=[
            fo.Keypoint(
                label="body",
                points=[(x / width, y / height) if score > 0 else unseen for x, y, score in points],
                confidence=[score for _, _, score in points],
            )
        ]
    )
