"""``study``: train, generate and evaluate each arm with each seed, and compare."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import diffusion, runs
from ..config import SelectSettings, StudySettings
from ..datasets import reading
from ..errors import RunError, Stopped
from ..runs import Lease, Run
from . import comparing, planning
from .conclusions import Conclusion, conclude
from .embedding import embed, field_name
from .generating import generate, import_generated
from .importing import import_images
from .judging import Judge
from .meter import Meter
from .planning import Cell
from .progress import Progress, reporting
from .reporting import Found, write_report
from .selecting import select
from .sources import folder_of
from .study_directory import open_study, sweep
from .training import end_all, follow, new_run


@dataclass(frozen=True)
class StudyResult:
    """What a study found.

    Attributes:
        run: The study's run directory.
        report: The self-contained ``report.html``.
        outcomes: One record per training: arm, seed, values by reference, exposure.
        summary: ``{reference: {arm: {metric: Spread}}}``; references ``held_out`` and ``pool``.
        generated: Name of the FiftyOne data set with the generated images.
        conclusion: What the values show, by a stated rule.
        notes: What else a reader must know, one sentence each.
    """

    run: Run
    report: Path
    outcomes: list[dict[str, Any]]
    summary: dict[str, dict[str, dict[str, comparing.Spread]]]
    generated: str
    conclusion: Conclusion
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        parts = []
        for against, rows in self.summary.items():
            counts = comparing.counts_text(self.outcomes, against)
            real = comparing.real_scores(self.outcomes, against)
            shown = comparing.as_text(rows, real, self.conclusion.order)
            own = comparing.real_counts_text(self.outcomes, against, real)
            parts.append(f"Against {REFERENCES[against]} ({counts}):\n{shown}\n{own}".rstrip())
        return "\n\n".join(
            [
                *parts,
                "\n".join([str(self.conclusion), *self.notes]),
                f"Report: {self.report}\nOpen the images with: curadiff app {self.generated}",
            ]
        )


SHOWN = 25  # real images in the report

REFERENCES = {
    "held_out": "real images that no arm was trained on",
    "pool": "all images that could be trained on",
}


def study(source: Any, *, progress: Progress = True, **settings: Any) -> StudyResult:
    """Compare ways to choose training data.

    Each arm is selected, trained, sampled and evaluated once per seed; every step is kept
    in the study's run directory, so the same call goes on where an earlier one stopped.
    Arms and seeds may be added later under the same name; other settings may not change.

    Args:
        source: A folder of images, a FiftyOne data set, its name, or a view.
        progress: Show a bar (True), nothing (False), or call ``progress(done, total)``.
        **settings: See `StudySettings`.

    Raises:
        SettingsError: A setting is wrong, or differs from the study of that name.
        DataError: The images cannot be used.
        RunError: A training failed, or another process works on the study.
    """
    config = StudySettings(**settings)
    if folder_of(source) is not None:
        source = import_images(source).dataset
    dataset, view = reading.resolve(source)
    run = open_study(config, dataset.name)
    with Lease(run.path):
        run.set_status("running", message="preparing", error=None)
        try:
            result = _Study(run, config, dataset, view, progress).carry_out()
        except BaseException as fault:
            stopped = isinstance(fault, KeyboardInterrupt | Stopped)
            run.set_status("stopped" if stopped else "failed", error=str(fault) or None)
            raise
        run.set_status("finished", message="finished", report=str(result.report), eta_seconds=0)
    return result


class _Study:
    """The steps of one study; what is done is on disk, so all of it can be run again."""

    def __init__(
        self, run: Run, config: StudySettings, dataset: Any, view: Any, progress: Progress
    ) -> None:
        self.run, self.config, self.dataset, self.progress = run, config, dataset, progress
        self.view = view
        self.generated = f"{dataset.name}-{config.name}"
        self.started: list[Run] = []

    def carry_out(self) -> StudyResult:
        """Do what is left to do, and report."""
        embed(self.view, progress=self.progress, **self.config.embed.model_dump())
        pool, held_out = self._split()
        planning.check(self.config, len(pool))
        self.pool = self.dataset.select(pool)
        self.unseen = planning.unseen(self.dataset.select(held_out), self.field)
        judge = Judge(
            self.config.evaluate,
            self.dataset,
            pool=pool,
            held_out=held_out,
            mirrored=self.config.train.horizontal_flip,
            image_size=self.config.train.image_size,
            selected_with=self._selected_with(),
            study=self.config.name,
        )
        work = planning.work(self.config)
        total, before = sum(work.values()), 0.0
        outcomes = []
        with reporting(self.progress, f"study {self.config.name}", "%") as report:
            meter = Meter(self.run, report, total)
            meter.at(0, "preparing")
            cells = planning.cells(self.config)
            try:
                for place, cell in enumerate(cells):
                    part = meter.part(before, work[cell.key])
                    for other in cells[place:][: self.config.parallel]:
                        if not self._kept(other).exists():
                            part.at(0, f"select for {other.key}")
                            self._training(other)
                    outcomes.append(self._outcome(cell, judge, part))
                    before += work[cell.key]
                    meter.at(before, f"{cell.key} is done")
            except BaseException:
                end_all(self.started)
                raise
        runs.write_json(self.run.path / "outcomes.json", outcomes)
        summary = {
            against: comparing.table(outcomes, against)
            for against in REFERENCES
            if against in outcomes[0]["values"]
        }
        conclusion = conclude(outcomes, judge.main)
        notes = tuple(self._notes(judge))
        real = reading.read_paths(self.dataset.select(held_out or pool)).paths[:SHOWN]
        found = Found(
            outcomes,
            summary,
            conclusion,
            notes,
            self.dataset.name,
            (len(pool), len(held_out)),
            [Path(path) for path in real],
        )
        report_file = write_report(self.run, self.config, found)
        return StudyResult(
            self.run, report_file, outcomes, summary, self.generated, conclusion, notes
        )

    def _notes(self, judge: Judge) -> list[str]:
        """Say what the values alone do not."""
        selecting = [arm.name for arm in self.config.arms if arm.method not in ("full", "random")]
        if not selecting or reading.encoder_of(self.dataset, self.field) != judge.encoder.key:
            return []
        return [
            f"The same encoder selects and judges ({self.config.evaluate.encoder}), which favours "
            f"the arms that select with it: {', '.join(selecting)}. Judge with another one."
        ]

    def _split(self) -> tuple[list[str], list[str]]:
        """Read the frozen division of the images, or make it."""
        path = self.run.path / "split.json"
        if path.exists():
            stored = runs.read_json(path)
        else:
            pool, held_out = planning.split(self.view, self.config)
            stored = {"pool": pool, "held_out": held_out}
        now = planning.frozen(self.dataset, stored)
        lost = sum(len(stored[side]) - len(now[side]) for side in ("pool", "held_out"))
        if lost:
            raise RunError(
                f"{lost} images of study {self.config.name} are no longer in "
                f"{self.dataset.name!r}; restore them, or start a study of another name."
            )
        if now != stored or not path.exists():
            runs.write_json(path, now)
        return now["pool"], now["held_out"]

    def _outcome(self, cell: Cell, judge: Judge, meter: Meter) -> dict[str, Any]:
        """Return what came of one cell, doing whatever of it is missing."""
        path = self._kept(cell)
        if path.exists():
            outcome = runs.read_json(path)
            if outcome.get("preparation") == judge.preparation:
                return outcome  # one of an older version was judged at other pixels
        training = self._train(cell, meter)
        folder = self._generate(cell, training, meter)
        linked = import_generated(folder, name=self.generated, arm=cell.arm.name)
        meter.at(meter.size, f"evaluate {cell.key}")
        values = judge.compare(
            linked.dataset, folder, training, key=f"{self.config.name}-{cell.key}"
        )
        images = len(runs.read_json(training.path / "manifest.json")["ids"])
        seen = training.status.get("images_seen", 0)
        outcome = {
            "arm": cell.arm.name,
            "method": cell.arm.method,
            "seed": cell.seed,
            "images": images,
            "images_seen": seen,
            "exposure": seen / images,
            "loss": training.status.get("loss"),
            "run": training.id,
            "run_path": str(training.path),
            "generated": str(folder),
            "selection": self._selection(cell),
            **values,
        }
        path.parent.mkdir(exist_ok=True)
        runs.write_json(path, outcome)
        return outcome

    def _selection(self, cell: Cell) -> str | None:
        return None if cell.arm.method == "full" else planning.selection_name(self.config, cell)

    def _selected_with(self) -> list[str]:
        """Return the identity of the encoder that the selecting arms look with."""
        looks = any(
            cell.arm.method not in ("full", "random") for cell in planning.cells(self.config)
        )
        known = reading.encoder_of(self.dataset, self.field)
        return [known] if looks and known else []

    def _selected(self, cell: Cell) -> Any:
        if cell.arm.method == "full":
            return self.pool
        options = self.config.select.model_dump(include=set(SelectSettings.model_fields))
        options |= {
            "method": cell.arm.method,
            "budget": cell.arm.budget or self.config.budget,
            "seed": cell.seed if cell.arm.method == "random" else self.config.select.seed,
            "name": planning.selection_name(self.config, cell),
            "field": self.field,
            # Its name is the study's; one that is there is left from a study that was deleted.
            "overwrite": True,
        }
        return select(self.pool, **options).view

    @property
    def field(self) -> str:
        """The field with the selector's embeddings."""
        return self.config.embed.field or field_name(self.config.embed.encoder)

    def _kept(self, cell: Cell) -> Path:
        return self.run.path / "cells" / f"{cell.key}.json"

    def _train(self, cell: Cell, meter: Meter) -> Run:
        """Wait for a cell's training."""
        training, share = self._training(cell), self._train_share(cell)
        meter.at(0, f"train {cell.key}")
        return follow(
            training,
            progress=lambda done, of: meter.at(share * done / of, f"train {cell.key}"),
        )

    def _training(self, cell: Cell) -> Run:
        """Return a cell's training, which a process works in unless it is finished."""
        name = f"{self.config.name}-{cell.key}"
        steps = cell.arm.steps or self.config.train.steps
        folder = self.run.path / "runs"
        if (folder / name / "manifest.json").exists():
            training = Run(folder / name)
        else:
            settings = self.config.train.changed(name=name, seed=cell.seed, steps=steps)
            pool = reading.read_paths(self._selected(cell))
            sweep(folder / name)
            training = new_run(
                self.dataset,
                pool,
                settings,
                arm=cell.arm.name,
                folder=folder,
                held_out=self.unseen,
            )
        if training.status["state"] not in ("finished", *runs.ACTIVE):
            slot = planning.cells(self.config).index(cell)
            diffusion.start(training, slot=slot, slots=self.config.parallel)
            self.started.append(training)
        return training

    def _generate(self, cell: Cell, training: Run, meter: Meter) -> Path:
        share = self._train_share(cell)
        rest = meter.size - share
        return generate(
            training,
            progress=lambda done, of: meter.at(share + rest * done / of, f"generate {cell.key}"),
            **self.config.generate.model_dump(),
        )

    def _train_share(self, cell: Cell) -> float:
        return 3.0 * (cell.arm.steps or self.config.train.steps) * self.config.train.batch_size
