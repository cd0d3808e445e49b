"""Every setting, once."""

from .base import Settings, choices, faults, limits, plain_type, setting
from .embed import EmbedSettings
from .evaluate import EvaluateSettings
from .generate import GenerateSettings
from .select import SelectSettings
from .train import TrainSettings

__all__ = [
    "EmbedSettings",
    "EvaluateSettings",
    "GenerateSettings",
    "SelectSettings",
    "Settings",
    "TrainSettings",
    "choices",
    "faults",
    "limits",
    "plain_type",
    "setting",
]
