"""Settings of the analytic model, which ``train`` and ``preview`` share."""

from __future__ import annotations

from typing import Any, Literal

from .base import setting

Windows = Literal["rule", "covariance"]
"""What says how wide the window around a pixel is at a noise level."""


def decide_size_setting() -> Any:
    """Declare the side at which the analytic model decides a picture."""
    return setting(
        32,
        "Analytic model: side in pixels at which a picture is decided, before it is rendered at "
        "image_size.",
        ge=8,
        le=128,
        multiple_of=8,
        advanced=True,
    )


def windows_setting() -> Any:
    """Declare how the analytic model finds the width of its windows."""
    return setting(
        "rule",
        "Analytic model: how wide a window is at a noise level, by a fixed rule or by the "
        "covariance of the training images.",
        advanced=True,
    )
