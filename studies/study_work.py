"""The steps of one study: freeze and divide the images, do every cell, conclude and report."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from .. import runs
from .. import version as our
from ..common.disk_faults import FULL, is_full
from ..common.errors import CuradiffError, EnvironmentFault, RunError, Stopped
from ..common.keys import generated_dataset, versioned
from ..config import StudySettings
from ..datasets import reading
from ..datasets.database import lost_in_words
from ..datasets.resolving import all_samples
from ..diffusion.jobs import IMPORTS
from ..runs import Lease, Run, forking
from ..workflows.embedding import embed, field_of
from ..workflows.progress import Progress, tell
from . import arm_images, cells, comparing, planning, splitting, trainings
from .cell_work import CellWorker
from .conclusions import conclude
from .directory import check_encoders
from .judging import Judge
from .planning import Cell
from .report import people
from .report.data import ReportData
from .report.reporting import write_report
from .sharing import PATIENCE, PREPARING, REPORTING, CellLeases, Leadership
from .study_progress import StudyProgress, display, known_seconds
from .study_record import evidence_of, write_record
from .study_result import REFERENCES, StudyResult

SHOWN = 25  # real images in the report
POLL = 1.0  # seconds between two looks at cells that other processes do


class StudyWork:
    """The steps of one study; what is done is on disk, so all of it can be run again."""

    def __init__(
        self,
        run: Run,
        config: StudySettings,
        dataset: Any,
        view: Any,
        progress: Progress,
        leads: Leadership,
        notes: Sequence[str] = (),
    ) -> None:
        self.run, self.config, self.dataset, self.progress = run, config, dataset, progress
        self.view, self.leads = view, leads
        self.cells = planning.cells_of(run)
        self.outcomes: dict[str, dict[str, Any]] = {}
        self.failures: dict[str, Exception] = {}
        self.notes: list[str] = []
        self._note(notes)

    def carry_out(self, *, update_images: bool) -> StudyResult:
        """Do what is left to do, and report."""
        with Lease(self.run.path, name=PREPARING, wait=PATIENCE):
            frozen = splitting.freeze(self.run, self.dataset, self.view, update=update_images)
            self._note(frozen.notes)
            self.version = frozen.version
            self.label = versioned(self.config.name, frozen.version)
            self.run.add(images_version=frozen.version, generated=self.generated)
            view = all_samples(self.dataset).select(frozen.ids, ordered=True)
            embed(view, progress=self.progress, **self.config.embed.model_dump())
            divided = splitting.divide(self.run, self.config, self.dataset, frozen, self.field)
            self._note(divided.notes)
            choices = arm_images.choices_of(self.config, self.dataset, divided.pool)
            planning.check(self.config, len(divided.pool), arm_images.sizes_of(choices))
            judge = self._judge(divided)
            steps = self._steps(arm_images.sizes_of(choices))
            self._note(filter(None, [self.config.warmup_note([*steps.values()])]))
        with display(self.progress, self._title) as show:
            meter = StudyProgress(self.run, self.config, show, self.cells, steps)
            worker = CellWorker(
                self.run,
                self.config,
                self.dataset,
                label=self.label,
                version=self.version,
                generated=self.generated,
                field=self.field,
                choices=choices,
                validation=planning.validation_images(
                    all_samples(self.dataset).select(divided.held_out), self.field
                ),
                judge=judge,
                meter=meter,
            )
            self._all_cells(worker)
        with Lease(self.run.path, name=REPORTING, wait=PATIENCE):
            return self._report(judge, divided)

    def _judge(self, divided: splitting.Divided) -> Judge:
        """Make the judge of all cells, and check that encoders are those of the beginning."""
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
        return judge

    def _steps(self, sizes: dict[str, int]) -> dict[str, int]:
        """Return the optimizer steps of every cell, by its key."""
        images = {
            arm.name: planning.budget_of(self.config, arm, sizes[arm.name])
            for arm in self.config.arms
        }
        return {
            cell.key: self.config.steps_of(cell.arm, images[cell.arm.name]) for cell in self.cells
        }

    def _note(self, notes: Iterable[str]) -> None:
        """Keep sentences for the report, and say them before the work starts."""
        for sentence in notes:
            self.notes.append(sentence)
            tell(self.progress, sentence)

    def _all_cells(self, worker: CellWorker) -> None:
        """Do every cell; one that fails leaves the others alone."""
        for cell in self.cells:
            self._read(cell, worker)
        waiting = [cell for cell in self.cells if cell.key not in self.outcomes]
        imports = IMPORTS[self.config.train.network]
        fork = len(waiting) > 1 and self.config.trainer == "curadiff"
        several = forking.kept(imports) if fork else nullcontext()
        try:
            with several, CellLeases(self.run) as leases:
                self._share(waiting, worker, leases)
        except BaseException:
            worker.end()
            raise

    def _share(self, waiting: list[Cell], worker: CellWorker, leases: CellLeases) -> None:
        """Do the cells that no other process has taken, until all are done by somebody."""
        while waiting:
            before = len(waiting)
            for cell in list(waiting):
                worker.meter.writes = self.leads.lead()
                if not leases.take(cell):
                    continue
                if not self._read(cell, worker):  # nor has another process done it meanwhile
                    later = waiting[waiting.index(cell) + 1 :]
                    self._do(cell, later, worker, leases)
                leases.give_back(cell)
                waiting.remove(cell)
            if len(waiting) == before:
                time.sleep(POLL)

    def _do(
        self, cell: Cell, later: Sequence[Cell], worker: CellWorker, leases: CellLeases
    ) -> None:
        """Do one cell, with the trainings of later ones beside it; note its outcome or failure."""
        began = time.monotonic()
        coming = [cell]
        for other in later:
            if len(coming) < self.config.parallel and leases.take(other):
                coming.append(other)
        try:
            with lost_in_words(refusals=FULL):
                worker.start(coming)
                outcome = worker.outcome(cell, began=began)
        except (Stopped, EnvironmentFault):  # no fault of this training
            raise
        except Exception as fault:
            if is_full(fault):  # every other training would fail of it too
                raise
            self.failures[cell.key] = fault
            worker.meter.fail(cell)
            tell(self.progress, f"{cell.key} failed: {fault}")
        else:
            self.outcomes[cell.key] = outcome
            worker.meter.finish(cell, outcome["seconds"])

    def _read(self, cell: Cell, worker: CellWorker) -> bool:
        """Take over the outcome of a cell that an earlier call or another process has done."""
        outcome, reason = cells.read(self.run, cell, self.version)
        if reason is not None:
            cells.put_aside(self.run, cell, self.version)
            self._note([f"The result of {cell.key} was damaged and is made anew ({reason})."])
        elif outcome is not None and outcome.get("preparation") == worker.judge.preparation:
            self.outcomes[cell.key] = outcome  # one of an older version was judged otherwise
            worker.meter.finish(cell, known_seconds(outcome))
            return True
        return False

    def _report(self, judge: Judge, divided: splitting.Divided) -> StudyResult:
        """Conclude and write the report; raise if trainings failed, after the others are in it."""
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
        read = trainings.reader_of(self.run, judge.main)
        conclusion = conclude(outcomes, judge.main, missing=list(self.failures), influences=read)
        evidence = evidence_of(self.config, outcomes, judge.main, conclusion, read)
        values = comparing.table(outcomes, judge.main)
        metric = comparing.ranked_by(values)
        write_record(self.run, judge.main, metric, conclusion, evidence, values)
        self.notes += evidence.sentences
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
            self.run, report, outcomes, summary, self.generated, conclusion, tuple(self.notes)
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
            f"failed ({listed}).{rest} To try these again: Resume in the "
            f"App, or curadiff runs {self.run.id} --resume"
        )
        error.__cause__ = first
        return error

    @property
    def _title(self) -> str:
        """What its meter is called: ``study NAME``."""
        name = self.config.name
        return name if name.startswith("study") else f"study {name}"

    @property
    def generated(self) -> str:
        """Name of the data set with the generated images; it stays when the source is renamed."""
        known = self.run.record.get("generated")
        name = versioned(generated_dataset(self.dataset.name, self.config.name), self.version)
        return known if known and self.run.record.get("images_version") == self.version else name

    def _selected_with(self) -> list[str]:
        """Return the identity of the encoder that the selecting arms look with."""
        looks = any(arm.method not in ("full", "random") for arm in self.config.arms)
        known = reading.encoder_of(self.dataset, self.field)
        return [known] if looks and known else []

    @property
    def field(self) -> str:
        """The field with the selector's embeddings."""
        return field_of(self.config.embed)
