"""``study``: train, generate and evaluate each arm with each seed, and compare."""

from __future__ import annotations

import html
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Unpack

from .. import diffusion, runs
from .. import version as our
from ..common.errors import (
    CuradiffError,
    DataError,
    EnvironmentFault,
    RunError,
    SettingsError,
    Stopped,
)
from ..common.keys import generated_dataset, training_key, versioned
from ..config import SelectSettings, StudySettings
from ..config.options import StudyOptions
from ..config.signatures import with_settings
from ..datasets import identity, reading
from ..datasets.database import lost_in_words
from ..datasets.resolving import all_samples
from ..diffusion.jobs import IMPORTS
from ..runs import Lease, Run, forking
from ..workflows.embedding import embed, field_name
from ..workflows.generating import generate, import_generated
from ..workflows.importing import import_images
from ..workflows.progress import Progress, tell
from ..workflows.selecting import select
from ..workflows.sources import folder_of
from ..workflows.training import end_all, follow, new_run, note, prepared
from . import cells, comparing, planning, splitting
from .conclusions import Conclusion, conclude
from .directory import check_encoders, open_study, put_aside
from .judging import Judge
from .meter import Meter, known_seconds, showing
from .planning import Cell
from .report import people
from .report.data import ReportData
from .report.reporting import write_report


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

    def __repr__(self) -> str:
        return f"StudyResult({self.run.id!r}, {len(self.outcomes)} trainings, {self.report})"

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"

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


@with_settings(StudySettings)
@lost_in_words()
def study(
    source: Any,
    *,
    update_images: bool = False,
    progress: Progress = True,
    **settings: Unpack[StudyOptions],
) -> StudyResult:
    """Compare ways to choose training data.

    Each arm is selected, trained, sampled and evaluated once per seed; every step is kept
    in the study's run directory, so the same call goes on where an earlier one stopped.
    Arms and seeds may be added later under the same name; other settings may not change. The
    images are those that were there when the study began: new ones are counted and said, a
    study whose images are gone or changed is refused.

    A training that fails does not stop the others; the same call tries it again.

    Args:
        source: A folder of images, a FiftyOne data set, its name, or a view.
        update_images: Take the images of today where they differ from those that the study
            began with. All trainings are done anew; earlier ones stay beside them.
        progress: Show a bar (True), nothing (False), or call ``progress(done, total)`` with
            training steps.
        **settings: See `StudySettings`.

    Raises:
        SettingsError: A setting is wrong, or differs from the study of that name.
        DataError: The images cannot be used.
        RunError: Trainings failed, the study is about other images, or another process works
            on it.
        Stopped: It was asked to end; the message says how it goes on.
    """
    config = StudySettings(**dict[str, Any](settings))
    folder = folder_of(source)
    if folder is not None:
        source = import_images(folder).dataset
    dataset, view = reading.resolve(source)
    run = open_study(config, identity.identity(dataset), folder)
    with Lease(run.path):
        run.set_status("running", message="preparing", error=None)
        work = _Study(run, config, dataset, view, progress)
        try:
            with lost_in_words():
                result = work.carry_out(update_images=update_images)
        except (KeyboardInterrupt, Stopped):
            said = (
                f"the study {run.id} was stopped with {len(work.outcomes)} of "
                f"{len(work.cells)} trainings done; go on with: curadiff runs {run.id} --resume"
            )
            run.set_status("stopped", message="stopped", error=None, eta_seconds=None)
            raise Stopped(said) from None
        except BaseException as fault:
            error = str(fault) or type(fault).__name__
            run.set_status("failed", error=error, eta_seconds=None)
            raise
        run.set_status("finished", message="finished", report=str(result.report), eta_seconds=0)
    return result


@lost_in_words()
def resume_study(run: str | Path | Run, *, progress: Progress = True) -> StudyResult:
    """Go on with a study that was stopped, failed or was killed.

    Args:
        run: The study, its name or its path.
        progress: As for `study`.

    Raises:
        RunError: There is no such study; or as for `study`.
    """
    run = runs.open_run(run)
    if run.kind != "study":
        raise RunError(f"{run.id} is a {run.kind} run, not a study.")
    record = run.record
    known = record.get("identity") or {"name": record.get("dataset", "")}
    dataset = identity.open_by_identity(known)
    images = splitting.begun_with(run)
    every = all_samples(dataset)
    view = every.select(images, ordered=True) if images else every.view()
    view = view if len(view) else dataset.view()  # imported anew: found by name and content
    return study(view, progress=progress, **run.settings)


class _Study:
    """The steps of one study; what is done is on disk, so all of it can be run again."""

    def __init__(
        self, run: Run, config: StudySettings, dataset: Any, view: Any, progress: Progress
    ) -> None:
        self.run, self.config, self.dataset, self.progress = run, config, dataset, progress
        self.view = view
        self.cells = planning.cells(config)
        self.trainings: dict[str, Run] = {}  # begun or found by this call
        self.started: list[Run] = []
        self.outcomes: dict[str, dict[str, Any]] = {}
        self.failures: dict[str, Exception] = {}
        self.notes: list[str] = []

    def carry_out(self, *, update_images: bool) -> StudyResult:
        """Do what is left to do, and report."""
        frozen = splitting.freeze(self.run, self.dataset, self.view, update=update_images)
        self._note(frozen.notes)
        self.version = frozen.version
        self.label = versioned(self.config.name, frozen.version)
        self.run.add(images_version=frozen.version, generated=self.generated)
        view = all_samples(self.dataset).select(frozen.ids, ordered=True)
        embed(view, progress=self.progress, **self.config.embed.model_dump())
        divided = splitting.divide(self.run, self.config, self.dataset, frozen, self.field)
        self._note(divided.notes)
        planning.check(self.config, len(divided.pool))
        self.pool = all_samples(self.dataset).select(divided.pool)
        self.unseen = planning.unseen(
            all_samples(self.dataset).select(divided.held_out), self.field
        )
        judge = Judge(
            self.config.evaluate,
            self.dataset,
            pool=divided.pool,
            held_out=divided.held_out,
            mirrored=self.config.train.horizontal_flip,
            image_size=self.config.train.image_size,
            selected_with=self._selected_with(),
            study=self.label,
        )
        selector = reading.encoder_of(self.dataset, self.field)
        check_encoders(self.run, {"selection": selector, "judge": judge.encoder.key})
        self._note(judge.conditions.notes)
        with showing(self.progress, f"study {self.config.name}") as show:
            self._all_cells(judge, Meter(self.run, self.config, show))
        return self._report(judge, divided)

    def _note(self, notes: Sequence[str]) -> None:
        """Keep sentences for the report, and say them before the work starts."""
        for sentence in notes:
            self.notes.append(sentence)
            tell(self.progress, sentence)

    def _all_cells(self, judge: Judge, meter: Meter) -> None:
        """Do every cell; one that fails leaves the others alone."""
        for cell in self.cells:
            self._read(cell, judge, meter)
        waiting = [cell for cell in self.cells if cell.key not in self.outcomes]
        imports = IMPORTS[self.config.train.network]
        several = forking.kept(imports) if len(waiting) > 1 else nullcontext()
        try:
            with several:
                self._each(waiting, judge, meter)
        except BaseException:
            end_all(self.started)
            raise

    def _each(self, waiting: Sequence[Cell], judge: Judge, meter: Meter) -> None:
        for place, cell in enumerate(waiting):
            began = time.monotonic()
            try:
                with lost_in_words():
                    self._start(waiting[place : place + self.config.parallel], meter)
                    outcome = self._outcome(cell, judge, meter, began)
            except (Stopped, EnvironmentFault):  # no fault of this training
                raise
            except Exception as fault:
                self.failures[cell.key] = fault
                meter.fail(cell)
                tell(self.progress, f"{cell.key} failed: {fault}")
            else:
                self.outcomes[cell.key] = outcome
                meter.finish(cell, outcome["seconds"])

    def _read(self, cell: Cell, judge: Judge, meter: Meter) -> None:
        """Take over what an earlier call found out about a cell."""
        outcome, why = cells.read(self.run, cell, self.version)
        if why is not None:
            cells.put_aside(self.run, cell, self.version)
            self._note([f"The result of {cell.key} was damaged and is made anew ({why})."])
        elif outcome is not None and outcome.get("preparation") == judge.preparation:
            self.outcomes[cell.key] = outcome  # one of an older version was judged otherwise
            meter.finish(cell, known_seconds(outcome))

    def _start(self, coming: Sequence[Cell], meter: Meter) -> None:
        """Prepare and start trainings; only what fails for the first of them is of interest."""
        for number, cell in enumerate(coming):
            meter.say(cell, "select and prepare")
            try:
                self._training(cell)
            except (RunError, DataError, SettingsError):
                if number == 0:
                    raise

    def _report(self, judge: Judge, divided: splitting.Divided) -> StudyResult:
        """Write what came out; fail if trainings did, after the others were reported."""
        outcomes = [self.outcomes[c.key] for c in self.cells if c.key in self.outcomes]
        runs.write_json(self.run.path / "outcomes.json", outcomes)
        if not outcomes:
            raise self._failed(None)
        summary = {
            against: comparing.table(outcomes, against)
            for against in REFERENCES
            if against in outcomes[0]["values"]
        }
        versions = sorted({str(outcome.get("version", "unknown")) for outcome in outcomes})
        if len(versions) > 1 or versions[0] not in (our.__version__, "unknown"):
            self.notes.append(f"Trained and judged by Curadiff {', '.join(versions)}.")
        conclusion = conclude(outcomes, judge.main, missing=list(self.failures))
        real = reading.read_paths(
            all_samples(self.dataset).select(divided.held_out or divided.pool)
        ).paths
        data = ReportData(
            outcomes,
            summary,
            conclusion,
            tuple(self.notes),
            self.dataset.name,
            (len(divided.pool), len(divided.held_out)),
            [Path(path) for path in real[:SHOWN]],
            people.rated_studies(self.generated, outcomes),
        )
        report = write_report(self.run, self.config, data)
        if self.failures:
            raise self._failed(report)
        return StudyResult(
            self.run, report, outcomes, summary, self.generated, conclusion, data.notes
        )

    def _failed(self, report: Path | None) -> Exception:
        """Return the error that says which trainings failed, and why."""
        faults = {str(fault): fault for fault in self.failures.values()}
        first = next(iter(faults.values()))
        if report is None and len(faults) == 1 and isinstance(first, CuradiffError):
            return first
        listed = "; ".join(f"{key}: {fault}" for key, fault in list(self.failures.items())[:3])
        rest = f" The others are reported in {report}." if report else ""
        error = RunError(
            f"{len(self.failures)} of {len(self.cells)} trainings of the study {self.run.id} "
            f"failed ({listed}).{rest} To try these again: curadiff runs {self.run.id} --resume"
        )
        error.__cause__ = first
        return error

    @property
    def generated(self) -> str:
        """Name of the data set with the generated images; it stays when the source is renamed."""
        known = self.run.record.get("generated")
        name = versioned(generated_dataset(self.dataset.name, self.config.name), self.version)
        return known if known and self.run.record.get("images_version") == self.version else name

    def _outcome(self, cell: Cell, judge: Judge, meter: Meter, began: float) -> dict[str, Any]:
        """Find out about one cell, doing whatever of it is missing."""
        training = self._train(cell, meter)
        folder = self._generate(cell, training, meter)
        meter.say(cell, "judge")
        linked = import_generated(folder, name=self.generated, arm=cell.arm.name)
        key = training_key(cell.arm.name, cell.seed, study=self.label)
        values = judge.compare(linked.dataset, folder, training, key=key)
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
            "evaluation": key,
            "version": our.__version__,
            "seconds": round(time.monotonic() - began, 1),
            **values,
        }
        path = cells.path_of(self.run, cell, self.version)
        path.parent.mkdir(exist_ok=True)
        runs.write_json(path, outcome)
        return outcome

    def _selection(self, cell: Cell) -> str | None:
        return None if cell.arm.method == "full" else planning.selection_name(self.label, cell)

    def _selected_with(self) -> list[str]:
        """Return the identity of the encoder that the selecting arms look with."""
        looks = any(arm.method not in ("full", "random") for arm in self.config.arms)
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
            "name": planning.selection_name(self.label, cell),
            "field": self.field,
            # Its name is the study's; one that is there is left from a study that was deleted.
            "overwrite": True,
        }
        return select(self.pool, **options).view

    @property
    def field(self) -> str:
        """The field with the selector's embeddings."""
        return self.config.embed.field or field_name(self.config.embed.encoder)

    def _train(self, cell: Cell, meter: Meter) -> Run:
        """Wait for a cell's training."""
        return follow(self._training(cell), progress=lambda done, of: meter.train(cell, done, of))

    def _training(self, cell: Cell) -> Run:
        """Return a cell's training; unless it is finished, a process is started in it, once."""
        if cell.key in self.trainings:
            return self.trainings[cell.key]
        name = training_key(cell.arm.name, cell.seed, study=self.label)
        steps = cell.arm.steps or self.config.train.steps
        folder = self.run.path / "runs"
        training = Run(folder / name)
        if prepared(training):
            trained = set(runs.read_json(training.path / "manifest.json")["ids"])
            pool = reading.read_paths(self.pool)
            rows = zip(pool.ids, pool.names, strict=True)
            note(self.dataset, training, [id for id, name in rows if name in trained])
        else:
            settings = self.config.train.changed(name=name, seed=cell.seed, steps=steps)
            pool = reading.read_paths(self._selected(cell))
            put_aside(folder / name)
            training = new_run(
                self.dataset,
                pool,
                settings,
                arm=cell.arm.name,
                folder=folder,
                held_out=self.unseen,
            )
        if training.status["state"] not in ("finished", *runs.ACTIVE):
            slot = self.cells.index(cell)
            diffusion.start(training, slot=slot, slots=self.config.parallel)
            self.started.append(training)
        self.trainings[cell.key] = training
        return training

    def _generate(self, cell: Cell, training: Run, meter: Meter) -> Path:
        return generate(
            training,
            progress=lambda done, of: meter.draw(cell, done, of),
            **self.config.generate.model_dump(),
        )
