"""The study's judge: the same reference features for every arm."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from .. import encoders, metrics, runs
from ..common import preparation
from ..common.errors import WeightsError
from ..config import EmbedSettings, EvaluateSettings
from ..datasets.resolving import all_samples
from ..runs import Run, read_json
from ..workflows.conditions import Conditions
from ..workflows.embedding import field_of
from ..workflows.evaluating import NOT_OF_METRICS, compare
from ..workflows.evaluation_sides import Images, featurize, side
from .influences import influences_of

CURVE_METRICS = ("frechet_distance", "precision_recall", "memorization")
"""What is computed at checkpoints, of the metrics that the study asks for."""

WITHOUT_WEIGHTS = "--embed.encoder builtin --evaluate.encoder scattering"
"""Encoders that need no weights, to select and to judge."""

Judged = tuple[dict[str, Any], dict[str, dict[str, np.ndarray]]]


def load_encoder(config: EvaluateSettings) -> encoders.Encoder:
    """Load the judge's encoder.

    Raises:
        WeightsError: Its weights cannot be had.
    """
    with _settings_named("judge", "evaluate"):
        return encoders.load(config.encoder, weights=config.weights, device=config.device)


def fetch_weights(
    name: str, dataset: Any, embed: EmbedSettings, evaluate: EvaluateSettings
) -> None:
    """Fetch weights that will be needed, before a preview or study of a new name is begun.

    So another encoder can be given under the same name, and nothing fails when it comes to judge.

    Args:
        name: Of the preview or study; one that was begun has found them, and may be finished.
        dataset: The real images' data set.
        embed: Settings of the embeddings that arms are selected by.
        evaluate: Settings of the judge.

    Raises:
        WeightsError: They cannot be had.
    """
    if runs.run_named(name).exists:
        return
    computed = embed.from_shards is None and dataset.get_field(field_of(embed)) is None
    embeds = computed and (embed.weights is not None or not encoders.is_here(embed.encoder))
    if evaluate.weights is not None or not encoders.is_here(evaluate.encoder):
        try:
            load_encoder(evaluate)
        except WeightsError as fault:
            if not embeds or embed.weights is not None:
                raise
            raise WeightsError(
                f"{fault} Those of embed.encoder={embed.encoder} are not here either. In a shell, "
                f"without any weights: {WITHOUT_WEIGHTS}"
            ) from fault
    if embeds:
        with _settings_named("embeddings", "embed"):
            encoders.load(embed.encoder, weights=embed.weights, device=embed.device)


@contextmanager
def _settings_named(what: str, group: str) -> Iterator[None]:
    """Say in a message about weights which settings it means."""
    try:
        yield
    except WeightsError as fault:
        raise WeightsError(
            f"no {what}: {fault} The settings are {group}.encoder and {group}.weights."
        ) from fault


class Judge:
    """Compares generated images with held-out images and with the whole pool.

    Features of the real images are computed once, when first needed.

    Args:
        config: Settings of the evaluation.
        dataset: The real images' data set.
        pool: Ids of the images that arms may train on.
        held_out: Ids of the images that they may not; empty to compare with the pool only.
        mirrored: Whether the trainings see mirrored images, which copies may then be of.
        image_size: Side of the squares that the trainings see, and draw.
        selected_with: Identities of the encoders that arms are selected by.
        study: Name of the study.
    """

    def __init__(
        self,
        config: EvaluateSettings,
        dataset: Any,
        *,
        pool: list[str],
        held_out: list[str],
        mirrored: bool,
        image_size: int,
        selected_with: Sequence[str] = (),
        study: str,
    ) -> None:
        subsample = config.counts == "refuse"  # a study goes on and states the counts
        self.config = config.changed(counts="subsample") if subsample else config
        self.dataset, self.study = dataset, study
        self.mirrored = mirrored and config.mirrored
        self.selected_with = tuple(selected_with)
        asked = config.reference_size
        pixels = image_size if asked == "auto" else asked
        self.size = None if isinstance(pixels, str) else (pixels, pixels)
        self.ids = {"held_out": held_out, "pool": pool} if held_out else {"pool": pool}

    @cached_property
    def encoder(self) -> encoders.Encoder:
        """The judge's encoder."""
        return load_encoder(self.config)

    @property
    def preparation(self) -> str:
        """Name of what is done to real and generated images before they are judged."""
        return preparation.identity(self.size)

    @property
    def conditions(self) -> Conditions:
        """What every comparison of the study is made with."""
        return Conditions(self.encoder.key, self.size, self.selected_with)

    @cached_property
    def references(self) -> dict[str, Images]:
        """The real images by reference name."""
        return {
            name: featurize(
                side(all_samples(self.dataset).select(ids)),
                self.encoder.at(self.size),
                role=name,
                config=self.config,
                mirrored=name == "pool" and self.mirrored,
                progress=False,
            )
            for name, ids in self.ids.items()
        }

    def compare(self, generated: Any, folder: Path, training: Run, *, key: str) -> Judged:
        """Evaluate the images of one folder and store the values.

        Values of both references are stored; fields of the images are those of the first
        one alone, or they would bury all others in the App.

        Args:
            generated: Data set that holds the images.
            folder: Where their files are.
            training: The training that made them.
            key: Name of the evaluation.

        Returns:
            ``values``, ``full`` and ``counts``, each by reference name, and the conditions of
            the comparison; and by reference name what each image adds, see `influences`.
        """
        view = generated.match({"filepath": {"$regex": f"^{re.escape(str(folder))}/"}})
        made = featurize(
            side(view),
            self.encoder.at(self.size),
            role="generated",
            config=self.config,
            progress=False,
        )
        judged: dict[str, Any] = {"values": {}, "full": {}, "counts": {}}
        moved: dict[str, dict[str, np.ndarray]] = {}
        judged |= self.conditions.to_json()
        for name, reference in self.references.items():
            config = self.config.changed(key=key if name == self.main else f"{key}-{name}")
            evaluation = compare(
                made,
                reference,
                self._training(training),
                config=config,
                judged=self.conditions,
                stand_in=self._others(name),
                held_out=self._others("pool") if name == "pool" else None,
                study=self.study,
                fields=name == self.main,
            )
            judged["values"][name] = evaluation.values
            judged["full"][name] = evaluation.to_json()
            judged["counts"][name] = [len(evaluation.real_rows), len(evaluation.generated_rows)]
            moved[name] = influences_of(evaluation)
        return judged, moved

    def point(self, folder: Path, training: Run) -> dict[str, Any]:
        """Evaluate the images of one checkpoint, on all reference images and on halves of them.

        Args:
            folder: Where the images are.
            training: The training that made them.

        Returns:
            ``count`` of the images, and values by ``values`` (all images of the reference that
            ranks the arms), ``choose`` and ``report`` (its halves).
        """
        made = featurize(
            side(folder),
            self.encoder.at(self.size),
            role="generated",
            config=self.config,
            progress=False,
        )
        real = self.references[self.main].x
        half = np.random.default_rng(0).permutation(len(real)) % 2 == 0
        own = self._training(training)
        asked = self.config.metrics or CURVE_METRICS
        names = [name for name in CURVE_METRICS if name in asked]
        halves = [name for name in names if name != "memorization"]
        record: dict[str, Any] = {"count": len(made.ids)}
        record["values"] = self._values(real, made.x, names, own)
        record["choose"] = self._values(real[half], made.x, halves)
        record["report"] = self._values(real[~half], made.x, halves)
        return record

    def _values(
        self,
        real: np.ndarray,
        generated: np.ndarray,
        names: Sequence[str],
        training: Images | None = None,
    ) -> dict[str, float | None]:
        if not names or min(len(real), len(generated)) < 2:
            return {}
        config = self.config.changed(
            metrics=list(names), counts="unequal", bootstrap=0, null_draws=0
        )
        return metrics.evaluate(
            real=real,
            generated=generated,
            train=None if training is None else training.x,
            train_mirrored=None if training is None else training.x_mirrored,
            **config.model_dump(exclude=NOT_OF_METRICS),
        ).values

    @property
    def main(self) -> str:
        """The reference that arms are ranked by."""
        return next(iter(self.ids))

    def _others(self, name: str) -> np.ndarray | None:
        """Return the features of the real images that are not in this reference."""
        return next((images.x for other, images in self.references.items() if other != name), None)

    def _training(self, training: Run) -> Images:
        """Pick a training's own images, with their features, out of the pool."""
        pool = self.references["pool"]
        manifest = read_json(training.path / "manifest.json")
        trained_on = {*manifest["ids"], *manifest["paths"]}  # older versions wrote sample ids
        rows = [
            row
            for row, called in enumerate(zip(pool.ids, pool.names, pool.paths, strict=True))
            if not trained_on.isdisjoint(called)
        ]
        return Images(
            [pool.ids[row] for row in rows],
            [pool.paths[row] for row in rows],
            [pool.names[row] for row in rows],
            pool.x[rows],
            {},
            pool.dataset,
            None if pool.x_mirrored is None else pool.x_mirrored[rows],
        )
