"""How a verb's settings are arranged in its form and its help: a few first, others under titles.

A setting that is not listed stands among the first ones, or, where it is advanced, in the last
section; so a new setting needs no entry here.
"""

from __future__ import annotations

from .base import Settings
from .study import SAID_ELSEWHERE

MORE = "More settings"
"""Title of the section of advanced settings that no other section lists."""

COMPUTING = "Computing"

SECTIONS: dict[str, dict[str, tuple[str, ...]]] = {
    "embed": {
        COMPUTING: (
            "device",
            "dtype",
            "batch_size",
            "processes",
            "accelerate",
            "cache",
            "overwrite",
        ),
    },
    "select": {
        "Which samples": (
            "keep",
            "exclude_tag",
            "group_field",
            "quotas",
            "together_field",
            "weight_field",
        ),
        "More like these, less like those": ("toward", "away", "pull"),
        "Density and outliers": (
            "alpha",
            "neighbors",
            "min_distance",
            "outlier_rate",
            "harm_fraction",
            "base_method",
        ),
        COMPUTING: ("seed", "device", "overwrite"),
    },
    "train": {
        "Network": (
            "network",
            "base_channels",
            "multipliers",
            "layers",
            "decide_size",
            "windows",
            "start_from",
        ),
        "Noise and loss": ("schedule", "timesteps", "prediction", "weighting", "min_snr"),
        "Optimizer": (
            "learning_rate",
            "warmup",
            "cooldown",
            "weight_decay",
            "clip",
            "accumulate",
            "ema_decay",
            "ema_every",
            "ema_warmup",
        ),
        "Images and checkpoints": (
            "horizontal_flip",
            "bad_images",
            "checkpoint_every",
            "keep_checkpoints",
            "keep_every",
            "grid_every",
            "tracker",
        ),
        COMPUTING: ("seed", "device", "mixed_precision", "compile", "processes", "accelerate"),
    },
    "generate": {
        COMPUTING: ("seed", "device", "batch_size", "processes"),
    },
    "evaluate": {
        "How it is measured": ("k", "density_k", "rule", "reference_size", "mirrored"),
        "How sure it is": ("null_draws", "bootstrap"),
        COMPUTING: ("seed", "device", "batch_size", "processes", "accelerate"),
    },
    "study": {
        "Held-out images": ("held_out", "group_field"),
        "What is compared": ("draws", "leave_out", "match", "curve"),
        "Running": ("parallel", "patience", "trainer", "command", "captions"),
    },
    "preview": {
        "Model": ("image_size", "decide_size", "windows", "horizontal_flip"),
        "Held-out images": ("held_out", "group_field"),
        COMPUTING: ("device", "fields", "random_draws", "noise_seeds"),
    },
    "rate": {
        "Pairs": ("same_noise", "both_bad", "repeats", "question", "size", "seed"),
        "Pairs with a known answer": ("golden_better", "golden_worse", "golden_share"),
    },
    "import": {
        "Images that are here already": ("add", "update", "repoint"),
    },
}
"""By verb: the settings of each section of its form and help, by the section's title."""

TITLES = {
    "embed": "Embeddings",
    "select": "Selection",
    "train": "Training",
    "generate": "Generated images",
    "evaluate": "Evaluation",
}
"""What the settings of a verb are titled inside another verb's form or help."""

FIRST = {
    "study": (
        "embed.encoder",
        "train.preset",
        "train.image_size",
        "train.steps",
        "train.batch_size",
        "generate.count",
        "evaluate.encoder",
    ),
    "preview": ("embed.encoder", "evaluate.encoder"),
}
"""By verb: the settings of its steps that its help shows at once, by dotted name."""

_OF_STEPS = (
    *(f"select.{name}" for name in sorted(SAID_ELSEWHERE)),
    "embed.to_shards",
    "evaluate.key",
)

ELSEWHERE = {"study": (*_OF_STEPS, "train.name", "train.seed"), "preview": _OF_STEPS}
"""By verb: the settings of its steps that its arms, budget, seeds and name decide."""


def section_of(model: type[Settings], setting: str) -> str | None:
    """Return the title of the section that a setting stands in; None for the first ones."""
    for title, names in SECTIONS.get(model.verb, {}).items():
        if setting in names:
            return title
    extra = model.model_fields[setting].json_schema_extra
    return MORE if isinstance(extra, dict) and extra.get("advanced") else None


def section_titles(verb: str) -> list[str]:
    """List the titles of a verb's sections in their order."""
    return [*SECTIONS.get(verb, {}), MORE]
