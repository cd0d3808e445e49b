"""Settings of ``study``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, get_args

from pydantic import field_validator, model_validator

from .base import MOST_SEED, PLAIN_NAME, Settings, setting
from .embed import EmbedSettings
from .evaluate import EvaluateSettings
from .generate import GenerateSettings
from .select import Method, SelectSettings
from .train import TrainSettings

SAID_ELSEWHERE = {"method", "budget", "name", "field", "overwrite", "to_shards"}
"""Settings of ``select`` that a study takes from its arms, budget, data set and ``embed.field``."""

PLACES = ("images", "out", "seed", "steps")
"""What a command may name in braces: ``{images} {out} {seed} {steps}``."""


class ArmSettings(Settings):
    """One way to choose training data."""

    verb: ClassVar[str] = "arm"

    name: str = setting(..., "Name of the arm.", pattern=PLAIN_NAME)
    method: Literal["full"] | Method = setting(
        "full", "full takes the whole pool; the others are selection methods."
    )
    budget: int | None = setting(None, "Samples to choose; by default the study's.", ge=1)
    steps: int | None = setting(None, "Optimizer steps; by default the study's.", ge=1)
    draws: int | None = setting(
        None, "How often it chooses anew; by default the study's for random, else once.", ge=1
    )
    tag: str | None = setting(None, "Only images of the pool that have this tag.")
    view: str | None = setting(None, "Only images of the pool that are in this saved view.")
    without: str | None = setting(
        None, "FIELD=VALUE: only images of the pool whose field has another value."
    )
    options: dict[str, int | float | str | bool | None] = setting(
        {}, "Options of the method for this arm alone, such as {alpha: 2, weight_field: quality}."
    )

    @field_validator("without")
    @classmethod
    def _has_field_and_value(cls, given: str | None) -> str | None:
        if given is not None and not all(part.strip() for part in _halves(given)):
            raise ValueError(f"without must be FIELD=VALUE, got {given!r}.")
        return given

    @model_validator(mode="after")
    def _options_exist(self) -> ArmSettings:
        """Refuse unknown options, and those that the arm says already."""
        if not self.options:
            return self
        if self.method == "full":
            raise ValueError(f"options are for a method, and arm {self.name} takes all images.")
        wrong = sorted(SAID_ELSEWHERE & self.options.keys())
        if wrong:
            raise ValueError(f"options must not give {wrong[0]}: the arm or the study does.")
        SelectSettings(**{"method": self.method, **dict[str, Any](self.options)})
        return self

    @property
    def left_out(self) -> tuple[str, str] | None:
        """The field and the value that `without` names."""
        return None if self.without is None else _halves(self.without)


def _halves(text: str) -> tuple[str, str]:
    field, _, value = text.partition("=")
    return field.strip(), value.strip()


class StudySettings(Settings):
    """Train one model per arm and seed, and compare them."""

    verb: ClassVar[str] = "study"

    name: str = setting("study", "Name of the study; the same name resumes it.", pattern=PLAIN_NAME)
    arms: list[ArmSettings] = setting(
        [
            ArmSettings(name=name, method=name)
            for name in ("full", "random", "coreset", "typicality")
        ],
        "Ways to choose training data: full or a selection method; tag:NAME or view:NAME for all "
        "images of a tag or a saved view. An arm with a list of budgets becomes one arm for each.",
        min_length=1,
    )
    budget: int = setting(1000, "How many samples each arm but full trains on.", ge=1)
    seeds: list[int] = setting(
        [0, 1], "Training seeds: every selection is trained once with each.", min_length=1
    )
    draws: int = setting(
        3, "How often the arm random chooses anew; every draw is trained with each seed.", ge=1
    )
    leave_out: str | None = setting(
        None,
        "Sample field, such as the supplier: one more arm for each of its values, of random "
        "images without that value, to compare with random images of all values.",
    )
    match: Literal["steps", "images", "epochs"] = setting(
        "steps",
        "What is equal over arms: optimizer steps (an arm may have its own), images seen (none "
        "may), or epochs, as many as train.steps give an arm of the study's budget.",
    )
    curve: int = setting(
        4,
        "Checkpoints of each training that are judged, on a quarter of the images; 0 for none.",
        ge=0,
        le=100,
    )
    patience: int | None = setting(
        None,
        "Stop a training whose loss on held-out images has not fallen for so many checkpoints; "
        "by default none is stopped.",
        ge=1,
    )
    held_out: float = setting(
        0.2,
        "Share of the images that no arm may train on; the metrics compare with them "
        "(0: compare with the whole pool).",
        ge=0,
        le=0.8,
    )
    preview: Literal["auto", "yes", "no"] = setting(
        "auto",
        "See first what the arms would make a model draw, without training; auto does where that "
        "takes at most 5 % of the trainings' time.",
    )
    parallel: int = setting(
        1,
        "Trainings that run side by side, sharing this machine's cores or GPUs; the next one "
        "also starts while images are drawn and judged.",
        ge=1,
        le=64,
    )
    group_field: str | None = setting(
        None,
        "Sample field, such as the photographer: images that share its value stay on one side.",
    )
    trainer: Literal["curadiff", "command"] = setting(
        "curadiff", "Who trains: Curadiff, or a program of yours that the setting command starts."
    )
    command: list[str] | None = setting(
        None,
        "Program and arguments for trainer=command, without a shell; {images} is the folder with "
        "the selection, {out} where to write images, {seed} and {steps} are numbers.",
        owner_only="runs code",
    )
    captions: str | None = setting(
        None, "Sample field with the captions of the images, for a training program of yours."
    )
    embed: EmbedSettings = setting(EmbedSettings(), "The encoder that the selection sees with.")
    select: SelectSettings = setting(SelectSettings(), "Options of the selection methods.")
    train: TrainSettings = setting(TrainSettings(), "The training of every arm.")
    generate: GenerateSettings = setting(GenerateSettings(), "The images drawn per training.")
    evaluate: EvaluateSettings = setting(EvaluateSettings(), "The judge.")

    @field_validator("preview", mode="before")
    @classmethod
    def _yes_or_no(cls, preview: Any) -> Any:
        """Read what YAML makes of a plain yes or no."""
        return {True: "yes", False: "no"}[preview] if isinstance(preview, bool) else preview

    @field_validator("arms", mode="before")
    @classmethod
    def _arms_by_name(cls, arms: Any) -> Any:
        """Read the words for arms, and a list of budgets as an arm for each."""
        if not isinstance(arms, list | tuple):
            return arms
        named = [_of_word(arm) if isinstance(arm, str) else arm for arm in arms]
        return [one for arm in named for one in _for_each_budget(arm)]

    @field_validator("arms")
    @classmethod
    def _names_differ(cls, arms: list[ArmSettings]) -> list[ArmSettings]:
        names = [arm.name for arm in arms]
        double = sorted({name for name in names if names.count(name) > 1})
        if double:
            raise ValueError(
                f"arms must have different names, got {', '.join(double)} twice; give one of "
                "them a name of its own, in a file or in Python: {name: NAME, ...}."
            )
        return arms

    @field_validator("embed")
    @classmethod
    def _in_a_field(cls, embed: EmbedSettings) -> EmbedSettings:
        return embed.into_a_field()

    @field_validator("select")
    @classmethod
    def _arms_choose(cls, select: SelectSettings) -> SelectSettings:
        """Refuse settings of ``select`` that a study takes from arms, budget and embed.field."""
        given = SAID_ELSEWHERE & select.model_fields_set
        own = SelectSettings()
        wrong = sorted(name for name in given if getattr(select, name) != getattr(own, name))
        if wrong:
            raise ValueError(
                f"select.{wrong[0]} is not a setting of study: its arms, budget, data set and "
                "embed.field say it."
            )
        return select

    @field_validator("seeds")
    @classmethod
    def _seeds_differ(cls, seeds: list[int]) -> list[int]:
        if len(set(seeds)) < len(seeds) or not all(0 <= seed <= MOST_SEED for seed in seeds):
            raise ValueError(f"seeds must be different numbers 0 to {MOST_SEED}, got {seeds}.")
        return seeds

    @model_validator(mode="after")
    def _command_fits(self) -> StudySettings:
        """Refuse a command that nothing calls, that is missing, or that ignores the images."""
        if (self.trainer == "command") != bool(self.command):
            raise ValueError(
                "trainer=command and command go together; "
                f"{'command' if self.trainer == 'command' else 'trainer=command'} is missing."
            )
        for place in ("images", "out") if self.command else ():
            if not any(f"{{{place}}}" in word for word in self.command or ()):
                raise ValueError(
                    f"command must name {{{place}}}, got {' '.join(self.command or ())!r}."
                )
        if self.captions is not None and self.trainer != "command":
            raise ValueError("captions are for trainer=command; Curadiff's models read none.")
        return self

    @model_validator(mode="after")
    def _patience_has_losses(self) -> StudySettings:
        """Refuse patience where no loss on held-out images is logged."""
        if self.patience is None:
            return self
        if self.held_out == 0:
            raise ValueError(
                "patience needs held-out images, whose loss it watches, and held_out is 0; give "
                "held_out 0.2, or leave patience out."
            )
        if self.trainer == "command" or self.train.network == "analytic":
            who = "trainer=command" if self.trainer == "command" else "the network analytic"
            raise ValueError(f"patience is for networks that Curadiff trains, not for {who}.")
        return self

    @model_validator(mode="after")
    def _drawings_have_classes(self) -> StudySettings:
        """Refuse values of each class where drawings have none."""
        if self.evaluate.classes is None:
            return self
        if self.trainer == "command" or self.train.classes is None:
            raise ValueError(
                f"evaluate.classes needs drawings with a class; give train.classes "
                f"{self.evaluate.classes} too, with trainer=curadiff, or leave it out."
            )
        return self

    @model_validator(mode="after")
    def _equal_images(self) -> StudySettings:
        """Refuse steps of an arm's own where all arms are to see equally many images or epochs."""
        own = [arm.name for arm in self.arms if arm.steps is not None]
        if self.match != "steps" and own:
            raise ValueError(
                f"match={self.match} sets the steps of every arm, so arm {own[0]} may not have its "
                "own."
            )
        return self

    def draws_of(self, arm: ArmSettings) -> list[int | None]:
        """Return the selection seeds of an arm; None alone where it chooses once for all.

        They begin with the training seeds, so that a study which drew once per seed goes on.
        """
        count = arm.draws or (self.draws if arm.method == "random" else 1)
        if arm.method == "full" or (count == 1 and arm.method != "random"):
            return [None]
        others = (number for number in range(count + len(self.seeds)) if number not in self.seeds)
        every: list[int | None] = [*self.seeds, *others]
        return every[:count]

    def warmup_note(self, lengths: Sequence[int]) -> str:
        """Say that the learning rate rises during much of a training; empty where it does not.

        Args:
            lengths: Steps of the trainings; the shortest decides.
        """
        if self.trainer != "curadiff":  # another program has a warm-up of its own
            return ""
        return self.train.warmup_note(min(lengths, default=None))

    def steps_of(self, arm: ArmSettings, images: int | None = None) -> int:
        """Return the optimizer steps of an arm's trainings.

        Args:
            arm: The arm.
            images: How many images it trains on; needed for equal epochs, where ``train.steps``
                are those of an arm with the study's budget.
        """
        if self.match == "epochs" and images is not None:
            return max(1, round(self.train.steps * images / self.budget))
        return arm.steps or self.train.steps


def _of_word(word: str) -> dict[str, str]:
    """Read ``typicality`` as the arm of that name and method, ``tag:NAME`` as all of a tag."""
    kind, _, name = word.partition(":")
    if kind not in ("tag", "view") or not name:
        return {"name": word, "method": word}
    plain = re.sub(r"[^\w.+-]+", "-", name).lstrip(".+-") or kind
    if plain in ("full", *get_args(Method)):  # which means something else
        plain = f"{kind}-{plain}"
    return {"name": plain, "method": "full", kind: name}


def _for_each_budget(arm: Any) -> list[Any]:
    """Return an arm for each of its budgets: ``random`` with 500 and 1000 gives two."""
    budgets = arm.get("budget") if isinstance(arm, Mapping) else None
    if not isinstance(budgets, list | tuple):
        return [arm]
    return [{**arm, "name": f"{arm.get('name')}-{one}", "budget": one} for one in budgets]
