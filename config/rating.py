"""Settings of ``rate`` and of its planner."""

from __future__ import annotations

from typing import ClassVar

from pydantic import model_validator

from .base import MOST_SEED, PLAIN_NAME, Settings, setting


class RateSettings(Settings):
    """Start a study in which people choose between two images."""

    verb: ClassVar[str] = "rate"

    name: str | None = setting(
        None, "Name of the study; by default the data set's.", pattern=PLAIN_NAME
    )
    by: str = setting("arm", "Field whose values are the arms to compare.")
    arms: list[str] | None = setting(
        None, "Compare only these values of the field; by default all that there are."
    )
    tags: list[str] | None = setting(
        None, "Compare the samples with these tags, two or more, instead of a field's values."
    )
    images_per_arm: int = setting(200, "How many images of each arm, drawn at random.", ge=1)
    votes_per_rater: int = setting(60, "After how many pairs a rater is thanked.", ge=1, le=10_000)
    same_noise: bool = setting(
        False, "Pair images that were drawn from the same noise; needs equal image seeds."
    )
    both_bad: bool = setting(False, 'Offer "both are bad" beside "not sure".')
    repeats: float = setting(
        0.05, "Share of pairs shown to their rater again, sides swapped.", ge=0, le=0.5
    )
    golden_better: str | None = setting(
        None, "Tag of images that anyone would prefer to those of golden_worse.", advanced=True
    )
    golden_worse: str | None = setting(
        None, "Tag of images that anyone would reject.", advanced=True
    )
    golden_share: float = setting(
        0.05, "Share of pairs with such a known answer.", ge=0, le=0.5, advanced=True
    )
    size: int | None = setting(
        None,
        "Side in pixels at which images are sent; by default the images' own side, enlarged by "
        "whole pixels to at least 256.",
        ge=16,
        le=2048,
        advanced=True,
    )
    question: str = setting("Which picture is better?", "What raters are asked.")
    seed: int = setting(
        0, "Seed of the images drawn and of the order of pairs.", ge=0, le=MOST_SEED
    )

    @model_validator(mode="after")
    def _fits(self) -> RateSettings:
        if (self.golden_better is None) != (self.golden_worse is None):
            missing = "golden_better" if self.golden_better is None else "golden_worse"
            raise ValueError(f"golden_better and golden_worse go together; {missing} is missing.")
        for name in ("arms", "tags"):
            values = getattr(self, name)
            if values is not None and len(set(values)) < 2:
                raise ValueError(f"{name} needs two or more different names, got {values}.")
        return self


class RateServeSettings(Settings):
    """Serve the page that asks people, on this machine."""

    verb: ClassVar[str] = "rate-serve"

    port: int = setting(5252, "Port of the page.", ge=1, le=65535)


class RatePlanSettings(Settings):
    """Say how many votes tell two arms apart."""

    verb: ClassVar[str] = "rate plan"

    effect: float = setting(
        0.6, "True share of votes for the better arm, ties left out.", gt=0.5, lt=1
    )
    arms: int = setting(2, "How many arms are compared.", ge=2, le=100)
    raters: int = setting(8, "How many people vote.", ge=1)
    tie_rate: float = setting(0.2, 'Share of votes that will be "not sure".', ge=0, lt=1)
    icc: float = setting(
        0.01, "Correlation of two votes of one rater on the same arms.", ge=0, lt=1
    )
    power: float = setting(0.8, "Chance of telling the arms apart.", gt=0, lt=1)
    alpha: float = setting(
        0.05, "Chance of telling any two equal arms apart.", gt=0, lt=1, advanced=True
    )
    seconds_per_vote: float = setting(4.0, "Time that a vote takes.", gt=0, advanced=True)
