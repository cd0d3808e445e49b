"""Every setting, once."""

from .base import Settings, alone, choices, faults, limit_texts, limits, plain_type, setting
from .embed import EmbedSettings
from .evaluate import EvaluateSettings
from .generate import GenerateSettings
from .importing import ImportSettings
from .launching import launch_flags, launch_words
from .linking import LinkSettings
from .mapping import MapSettings
from .owner import allowed_in_app, refused_in_app
from .preview import PreviewSettings
from .rating import RatePlanSettings, RateServeSettings, RateSettings
from .recorded import given_settings, settings_of, settings_to_read
from .select import SelectSettings
from .similar import SimilarSettings
from .study import ArmSettings, StudySettings
from .train import TrainSettings

VERBS: dict[str, type[Settings]] = {
    model.verb: model
    for model in (
        ImportSettings,
        EmbedSettings,
        MapSettings,
        SimilarSettings,
        SelectSettings,
        TrainSettings,
        GenerateSettings,
        LinkSettings,
        EvaluateSettings,
        StudySettings,
        PreviewSettings,
    )
}

__all__ = [
    "VERBS",
    "ArmSettings",
    "EmbedSettings",
    "EvaluateSettings",
    "GenerateSettings",
    "ImportSettings",
    "LinkSettings",
    "MapSettings",
    "PreviewSettings",
    "RatePlanSettings",
    "RateServeSettings",
    "RateSettings",
    "SelectSettings",
    "Settings",
    "SimilarSettings",
    "StudySettings",
    "TrainSettings",
    "allowed_in_app",
    "alone",
    "choices",
    "faults",
    "given_settings",
    "launch_flags",
    "launch_words",
    "limit_texts",
    "limits",
    "plain_type",
    "refused_in_app",
    "setting",
    "settings_of",
    "settings_to_read",
]
