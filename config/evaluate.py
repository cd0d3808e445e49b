"""Settings of ``evaluate``."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import field_validator

from ..common.errors import nearest
from .base import MOST_SEED, Settings, setting
from .embed import ENCODER_HELP, Device, what_encoder_does
from .launching import accelerate_setting, known_flags, processes_setting
from .metrics import METRICS, on_request

MOST_PIXELS = 8192  # side of a square that every decoder still reads


class EvaluateSettings(Settings):
    """Compare generated images with real ones."""

    verb: ClassVar[str] = "evaluate"

    encoder: str = setting(
        "dinov2-vit-l14",
        "The judge; not the encoder that selected. " + ENCODER_HELP,
        owner_only=what_encoder_does,
    )
    weights: str | None = setting(
        None,
        "File with the encoder's weights; by default they are looked up by name.",
        owner_only="reads files",
    )
    metrics: list[str] | None = setting(
        None,
        "What to compute, separated by commas; by default all that the images allow "
        f"except {', '.join(on_request())}. "
        f"Choices: {', '.join(METRICS)}.",
    )
    k: int = setting(3, "Neighbours that span the manifold for precision and recall.", ge=1)
    density_k: int = setting(
        5, "Neighbours that span the balls of density and coverage.", ge=1, advanced=True
    )
    rule: Literal["<=", "<"] = setting(
        "<=",
        "Precision and recall: whether a point at exactly the radius is inside (<=, as the "
        "paper and torch-fidelity) or not (<, as prdc).",
        advanced=True,
    )
    counts: Literal["refuse", "subsample", "unequal"] = setting(
        "refuse",
        "When there are not as many real as generated images: stop, draw as many from the "
        "larger set by the seed, or compare them as they are.",
    )
    reference_size: Literal["auto", "native"] | int = setting(
        "auto",
        "How real images are shown to the judge. auto: cut and resized to the size of the "
        "generated images, as training prepares them; a number: real and generated ones cut "
        "to squares of so many pixels; native: all at their own size and shape.",
    )
    null_draws: int = setting(
        3,
        "Random draws of real against real behind each null; 0 for no nulls.",
        ge=0,
        le=100,
        advanced=True,
    )
    bootstrap: int = setting(
        1000, "Resamples behind each interval; 0 for none.", ge=0, le=100_000, advanced=True
    )
    classes: str | None = setting(
        None,
        "Field with the class of the real images, such as label: counts, coverage and other "
        "values of each class besides. Generated images have drawn_class, or the same field.",
        advanced=True,
    )
    mirrored: bool = setting(
        True, "Look for mirrored copies of the training images too.", advanced=True
    )
    key: str = setting("evaluation", "Name of the evaluation, so that several live side by side.")
    batch_size: int = setting(32, "Images per forward pass.", ge=1, le=4096, advanced=True)
    processes: int = processes_setting("compute features with")
    accelerate: str = accelerate_setting("compute features")
    seed: int = setting(
        0, "Seed of subsampling, nulls, projections and bootstrap.", ge=0, le=MOST_SEED
    )
    device: Device = setting("auto", "Where to compute; auto takes a GPU when there is one.")

    _only_known_flags = field_validator("accelerate")(known_flags)

    @field_validator("reference_size", mode="before")
    @classmethod
    def _no_bool(cls, given: Any) -> Any:
        """Refuse yes and no, which would count as 1 and 0 pixels."""
        if isinstance(given, bool):
            raise ValueError(f"reference_size must be auto, native or a number, got {given}.")
        return given

    @field_validator("reference_size")
    @classmethod
    def _positive(cls, given: Any) -> Any:
        """Check the number; limits on the setting would be applied to the words too."""
        if isinstance(given, int) and not 1 <= given <= MOST_PIXELS:
            raise ValueError(f"reference_size must be 1 to {MOST_PIXELS} pixels, got {given}.")
        return given

    @field_validator("metrics", mode="before")
    @classmethod
    def _split(cls, given: Any) -> Any:
        """Take ``a,b`` as well as ``["a", "b"]``."""
        if isinstance(given, str):
            return [name.strip() for name in given.split(",") if name.strip()]
        return given

    @field_validator("metrics")
    @classmethod
    def _known(cls, given: list[str] | None) -> list[str] | None:
        if given == []:
            raise ValueError(f"metrics must name some of {', '.join(METRICS)}, or be left out.")
        for name in given or []:
            if name not in METRICS:
                raise ValueError(
                    f"metrics must be among {', '.join(METRICS)}, got {name!r}"
                    f"{nearest(name, METRICS)}."
                )
        return given
