"""One cell of a study from its selection to its outcome: select, train, generate, judge."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .. import diffusion, runs
from .. import version as our
from ..common.errors import DataError, RunError, SettingsError
from ..common.keys import under
from ..config import SelectSettings, StudySettings, TrainSettings
from ..datasets import locking, reading, sidebar, writing
from ..datasets.resolving import all_samples
from ..diffusion.train.patience import validation_losses
from ..runs import Run
from ..workflows.generating import generate, import_generated
from ..workflows.selecting import select
from ..workflows.training import end_all, follow, new_run, note, prepared
from . import cells, command_training, curves, planning
from .directory import put_aside
from .influences import save
from .judging import Judge
from .planning import Cell
from .study_progress import StudyProgress


class CellWorker:
    """Does what is missing of a study's cells; what is done is on disk and is not done again.

    Args:
        run: The study.
        config: Its settings.
        dataset: The real images' data set.
        label: What trainings and selections are named after.
        version: Of the study's images.
        generated: Name of the data set for the generated images.
        field: Field with the selector's embeddings.
        choices: Ids of the images that each arm may choose from, by its name.
        validation: Held-out images whose loss the trainings log.
        judge: Compares with the real images.
        meter: Is told how far a cell is.
    """

    def __init__(
        self,
        run: Run,
        config: StudySettings,
        dataset: Any,
        *,
        label: str,
        version: int,
        generated: str,
        field: str,
        choices: Mapping[str, Sequence[str]],
        validation: reading.Samples,
        judge: Judge,
        meter: StudyProgress,
    ) -> None:
        self.run, self.config, self.dataset = run, config, dataset
        self.label, self.version, self.generated, self.field = label, version, generated, field
        self.choices, self.validation, self.judge, self.meter = choices, validation, judge, meter
        self.trainings: dict[str, Run] = {}  # by cell: started or opened by this process
        self.started: list[Run] = []

    def start(self, coming: Sequence[Cell]) -> None:
        """Prepare and start trainings; only the first of them raises what goes wrong."""
        for number, cell in enumerate(coming):
            self.meter.say(cell, "select and prepare")
            try:
                self._training(cell)
            except (RunError, DataError, SettingsError):
                if number == 0:
                    raise

    def end(self) -> None:
        """Stop the trainings that this process has started, each at a checkpoint."""
        end_all(self.started)

    def outcome(self, cell: Cell, *, began: float) -> dict[str, Any]:
        """Train, generate and judge one cell as far as that is missing; return its record."""
        training = self._train(cell)
        folder = self._generate(cell, training)
        self.meter.say(cell, "judge")
        linked = import_generated(folder, name=self.generated, arm=cell.arm_name)
        key = under(self.label, cell.key)
        values, influences = self.judge.compare(linked.dataset, folder, training, key=key)
        images = len(runs.read_json(training.path / "manifest.json")["ids"])
        seen = training.status.get("images_seen", 0)
        outcome = {
            "cell": cell.key,
            "arm": cell.arm.name,
            "method": cell.arm.method,
            "seed": cell.seed,
            "draw": cell.draw,
            "images": images,
            "images_seen": seen,
            "exposure": seen / images,
            "loss": training.status.get("loss"),
            "run": training.id,
            "run_path": str(training.path),
            "generated": str(folder),
            "selection": self._selection(cell),
            "evaluation": key,
            "version": our.__version__,
            "paired": not self.commands,  # drawn from the same noise as the other arms
            "stopped_early": training.status.get("stopped_early"),
            "curve": self._curve(cell, training),
            "seconds": round(time.monotonic() - began, 1),
            **values,
        }
        path = cells.path_of(self.run, cell, self.version)
        path.parent.mkdir(exist_ok=True)
        save(cells.influences_of(self.run, cell, self.version), influences)
        runs.write_json(path, outcome)
        return outcome

    def _curve(self, cell: Cell, training: Run) -> list[dict[str, Any]]:
        """Draw from checkpoints along a training and judge what they draw."""
        if not self.config.curve or self.config.train.network == "analytic" or self.commands:
            return []
        count = curves.images_drawn(self.config.generate.count)
        settings = self.config.generate.changed(count=count).model_dump()
        log = training.log()
        losses, validation = losses_of(log), validation_losses(log)
        points = []
        for step in self._judged_steps(training):
            self.meter.say(cell, f"judge the checkpoint at step {step:,}")
            folder = generate(training, checkpoint=step, progress=False, **settings)
            points.append(
                {
                    "step": step,
                    "images_seen": step * self.config.train.batch_size,
                    "loss": losses.get(step),
                    "validation_loss": validation.get(step),
                    **self.judge.point(folder, training),
                }
            )
        return points

    def _judged_steps(self, training: Run) -> list[int]:
        """Return the steps of the checkpoints that are judged: those kept, and the last."""
        from ..diffusion.train import checkpoint

        there = checkpoint.saved_steps(training.path)
        every = training.settings.get("keep_every") or 0
        return [step for step in there if step == there[-1] or (every and step % every == 0)]

    def _selection(self, cell: Cell) -> str | None:
        return None if cell.arm.method == "full" else planning.selection_name(self.label, cell)

    def _selected(self, cell: Cell) -> Any:
        """Return the view of the images that a cell is trained on."""
        arm, config = cell.arm, self.config
        pool = all_samples(self.dataset).select(list(self.choices[arm.name]))
        if arm.method == "full":
            return pool
        options = config.select.model_dump(include=set(SelectSettings.model_fields))
        options |= arm.options
        options |= {
            "method": arm.method,
            "budget": planning.budget_of(config, arm, len(self.choices[arm.name])),
            "seed": options["seed"] if cell.draw is None else cell.draw,
            "name": planning.selection_name(self.label, cell),
            "field": self.field,
            # Its name is the study's; one that is there is left from a study that was deleted.
            "overwrite": True,
        }
        chosen = select(pool, **options)
        self._fold(chosen.name)
        return chosen.view

    def _fold(self, selection: str) -> None:
        """Put the fields of a selection into the study's group of the App's sidebar."""
        prefix = f"{writing.key_of(selection)}_"
        with locking.exclusive(self.dataset, "select"):
            self.dataset.reload()
            fields = [name for name in self.dataset.get_field_schema() if name.startswith(prefix)]
            owner = f"study {self.label}"
            sidebar.fold(self.dataset, sidebar.of_one(owner), fields, by=owner)

    def _train(self, cell: Cell) -> Run:
        """Wait for a cell's training."""

        def progress(step: int, steps: int) -> None:
            self.meter.train(cell, step, steps)

        return follow(self._training(cell), progress=progress)

    def _training(self, cell: Cell) -> Run:
        """Return a cell's training; unless it is finished, a process is started in it, once."""
        if cell.key in self.trainings:
            return self.trainings[cell.key]
        name = under(self.label, cell.key)
        folder = self.run.path / "runs"
        training = Run(folder / name)
        if training.exists and self.commands:
            pass  # it appears under its name when it is whole
        elif prepared(training):
            trained = set(runs.read_json(training.path / "manifest.json")["ids"])
            choice = list(self.choices[cell.arm.name])
            pool = reading.read_paths(all_samples(self.dataset).select(choice))
            rows = zip(pool.ids, pool.names, strict=True)
            note(self.dataset, training, [id for id, name in rows if name in trained])
        else:
            put_aside(folder / name)
            training = self._prepare(cell, name, folder)
        if training.status["state"] not in (*runs.ACTIVE, "finished"):
            if self.commands:
                command_training.start(training)
            else:
                slot = len(self.started)
                diffusion.start(training, slot=slot, slots=self.config.parallel)
            self.started.append(training)
        self.trainings[cell.key] = training
        return training

    @property
    def commands(self) -> bool:
        """Whether a program of the user's trains."""
        return self.config.trainer == "command"

    def _prepare(self, cell: Cell, name: str, folder: Path) -> Run:
        """Select a cell's images and make its training's run directory."""
        pool = reading.read_paths(self._selected(cell))
        steps = self.config.steps_of(cell.arm, len(pool.ids))
        if self.commands:
            return command_training.prepare(
                self.dataset, pool, self.config, cell, name=name, steps=steps, folder=folder
            )
        return new_run(
            self.dataset,
            pool,
            self._settings(name, cell.seed, steps),
            arm=cell.arm_name,
            folder=folder,
            held_out=self.validation,
            patience=self.config.patience,
        )

    def _settings(self, name: str, seed: int, steps: int) -> TrainSettings:
        """Return a training's settings; checkpoints that are to be judged are kept."""
        train = self.config.train
        changes: dict[str, Any] = {"name": name, "seed": seed, "steps": steps}
        if self.config.curve and train.network != "analytic":
            every, kept = curves.kept_steps(steps, self.config.curve, train.checkpoint_every)
            changes |= {"checkpoint_every": every, "keep_every": kept}
            changes["grid_every"] = train.grid_every or train.checkpoint_every
        return train.changed(**changes)

    def _generate(self, cell: Cell, training: Run) -> Path:
        if self.commands:
            return command_training.images_of(training, self.config.generate.count)
        return generate(
            training,
            progress=lambda image, images: self.meter.draw(cell, image, images),
            **self.config.generate.model_dump(),
        )


def losses_of(log: Sequence[Mapping[str, Any]]) -> dict[int, float]:
    """Return the training loss by step, as a training has logged it."""
    return {int(entry["step"]): entry["loss"] for entry in log if entry.get("loss") is not None}
