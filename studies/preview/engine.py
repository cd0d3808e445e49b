"""``preview``: what selections would make a model draw, without training one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Unpack

import numpy as np

from ... import diffusion, metrics, runs
from ...common.errors import RunError, Stopped
from ...common.keys import generated_dataset, under
from ...config import GenerateSettings, PreviewSettings, TrainSettings
from ...config.options import PreviewOptions
from ...config.signatures import with_settings
from ...datasets import attribution, reading
from ...datasets.database import lost_in_words
from ...datasets.resolving import all_samples
from ...runs import Lease, Run
from ...workflows.embedding import embed, field_name
from ...workflows.evaluating import NOT_OF_METRICS, Images, featurize, side
from ...workflows.generating import import_generated
from ...workflows.importing import import_images
from ...workflows.progress import Progress, reporting
from ...workflows.sources import folder_of
from ...workflows.training import new_run
from .. import planning
from ..directory import put_aside
from ..judging import Judge
from . import LABEL, page, table
from .arms import Arm, Chooser, arms, check, drawing_order
from .directory import open_preview

FIRST = 25  # pictures of an arm that are shown, and drawn before anything else
APART = 1_000_000  # between the first seeds of two noise seeds
METRICS = ["frechet_distance", "precision_recall", "density_coverage"]


@dataclass(frozen=True)
class PreviewResult:
    """What a preview shows.

    Attributes:
        run: The preview's run directory.
        page: The self-contained ``preview.html``.
        outcomes: One record per arm: counts, forecast, values of what it draws, worst images.
        real: What real images score in place of the drawings.
        generated: Name of the FiftyOne data set with the drawings; None without fields.
    """

    run: Run
    page: Path
    outcomes: list[dict[str, Any]]
    real: dict[str, float]
    generated: str | None

    def __str__(self) -> str:
        shown = f"\nOpen the drawings with: curadiff app {self.generated}" if self.generated else ""
        return f"{table.as_text(self.outcomes, self.real)}\n\nPage: {self.page}{shown}"

    def _repr_html_(self) -> str:
        return table.as_html(self.outcomes, self.real)


@with_settings(PreviewSettings)
@lost_in_words()
def preview(
    source: Any, *, progress: Progress = True, **settings: Unpack[PreviewOptions]
) -> PreviewResult:
    """See what selections would make a model draw, in minutes and without training.

    Every arm draws with the analytic model: the closed-form posterior mean of its images in
    windows. What is done is kept, so the same call goes on where an earlier one stopped;
    more arms and noise seeds may be added under the same name, and only they are drawn. The
    page ``preview.html`` of the run grows with every arm.

    Args:
        source: A folder of images, a FiftyOne data set, its name, or a view.
        progress: Show a bar (True), nothing (False), or call ``progress(done, total)``.
        **settings: See `PreviewSettings`.

    Raises:
        SettingsError: A setting is wrong, or differs from the preview of that name.
        DataError: The images cannot be used.
        RunError: Another process works on this preview.
    """
    config = PreviewSettings(**dict[str, Any](settings))
    if folder_of(source) is not None:
        source = import_images(source).dataset
    dataset, view = reading.resolve(source)
    run = open_preview(config, dataset.name)
    with Lease(run.path):
        run.set_status("running", message="preparing", error=None)
        try:
            result = _Preview(run, config, dataset, view, progress).carry_out()
        except BaseException as fault:
            stopped = isinstance(fault, KeyboardInterrupt | Stopped)
            run.set_status("stopped" if stopped else "failed", error=str(fault) or None)
            raise
        run.set_status("finished", message=LABEL, page=str(result.page), eta_seconds=0)
    return result


class _Preview:
    """The steps of one preview; what is done is on disk, so all of it can be run again."""

    def __init__(
        self, run: Run, config: PreviewSettings, dataset: Any, view: Any, progress: Progress
    ) -> None:
        self.run, self.config, self.dataset, self.view = run, config, dataset, view
        self.progress = progress
        self.arms = arms(config)
        self.outcomes: dict[str, dict[str, Any]] = {}
        self.real: dict[str, float] = self._kept("real") or {}
        self.generated = generated_dataset(dataset.name, config.name)
        self.field = config.embed.field or field_name(config.embed.encoder)

    def carry_out(self) -> PreviewResult:
        """Draw the first pictures of every arm, then judge and draw the rest."""
        self.ids, self.held_out = self._split()
        check(self.config, len(self.ids))
        pool = reading.read_paths(all_samples(self.dataset).select(self.ids, ordered=True))
        self.chooser = Chooser(self.run, self.config, self.dataset, pool)
        order = drawing_order(self.arms)
        work = len(order) * self.config.count * len(self.config.noise_seeds)
        with reporting(self.progress, f"preview {self.config.name}", "picture") as report:
            self.report, self.total, self.done = report, work, 0
            early = next((arm for arm in order if arm.name == "random"), None)
            if early is not None:
                self._show(early)  # a random choice needs no embeddings
            self._embed()
            for arm in order:
                if not arm.without:
                    self._show(arm)
            judge = self._judge()
            for arm in order:
                self._forecast(arm, judge)
            for arm in order:
                if not arm.without:
                    self._finish(arm, judge)
            for arm in order:
                if arm.without:
                    self._finish(arm, judge)
                if arm.seed == 0:
                    self._influence(arm, judge)
        outcomes = [self.outcomes[arm.key] for arm in self.arms]
        runs.write_json(self.run.path / "outcomes.json", outcomes)
        generated = self.generated if self.config.fields else None
        return PreviewResult(self.run, self._page(""), outcomes, self.real, generated)

    def _split(self) -> tuple[list[str], list[str]]:
        """Read the frozen division of the images, or make it."""
        path = self.run.path / "split.json"
        if not path.exists():
            found = planning.split(self.view, self.config, self.field)
            runs.write_json(path, {"pool": found.pool, "held_out": found.held_out})
        stored = runs.read_json(path)
        there = set(self.dataset.values("id"))
        lost = sum(id not in there for ids in stored.values() for id in ids)
        if lost:
            raise RunError(
                f"{lost} images of preview {self.config.name} are no longer in "
                f"{self.dataset.name!r}; restore them, or start a preview of another name."
            )
        return stored["pool"], stored["held_out"]

    def _embed(self) -> None:
        embed(self.view, progress=self.progress, **self.config.embed.model_dump())
        self.chooser.pool = reading.read_embeddings(
            all_samples(self.dataset).select(self.ids, ordered=True), self.field
        )

    def _judge(self) -> Judge:
        looks = any(arm.name not in ("full", "random") for arm in self.arms)
        encoder = reading.encoder_of(self.dataset, self.field)
        return Judge(
            self.config.evaluate,
            self.dataset,
            pool=self.chooser.pool.ids,
            held_out=self.held_out,
            mirrored=False,
            image_size=self.config.image_size,
            selected_with=[encoder] if looks and encoder else [],
            study=self.config.name,
        )

    def _show(self, arm: Arm) -> None:
        """Draw the first pictures of an arm, and write the page."""
        if arm.key in self.outcomes:
            return
        stored = self._kept(arm.key)
        if stored is None:
            worst = self._worst_of(arm.without[0]) if arm.without else ()
            ids = self.chooser.ids(arm, worst)
            self._say(f"draw the first pictures of {arm.key}")
            training = self._frozen(arm, ids)
            first = self.config.noise_seeds[0]
            folder = self._draw(training, first, min(FIRST, self.config.count))
            stored = {
                "arm": arm.key,
                "name": arm.name,
                "seed": arm.seed,
                "images": len(runs.read_json(training.path / "manifest.json")["ids"]),
                "run": training.id,
                "run_path": str(training.path),
                "folder": str(folder),
                "drawn": {},
            }
        self.outcomes[arm.key] = stored
        self._page("More pictures and the values are still to come.")

    def _frozen(self, arm: Arm, ids: list[str]) -> Run:
        """Return the run of an arm's model, which only keeps its images."""
        name = under(self.config.name, arm.key)
        folder = self.run.path / "runs"
        if (folder / name / "manifest.json").exists():
            training = Run(folder / name)
        else:
            put_aside(folder / name)
            c = self.config
            settings = TrainSettings(
                name=name,
                network="analytic",
                image_size=c.image_size,
                decide_size=c.decide_size,
                windows=c.windows,
                horizontal_flip=c.horizontal_flip,
                bad_images="skip",
                seed=arm.seed,
                device=c.device,
            )
            images = reading.read_paths(all_samples(self.dataset).select(ids, ordered=True))
            training = new_run(self.dataset, images, settings, arm=arm.key, folder=folder)
        if training.status["state"] != "finished":
            diffusion.freeze(training)
        return training

    def _draw(
        self,
        training: Run,
        noise_seed: int,
        count: int,
        progress: Callable[[int, int], None] | None = None,
    ) -> Path:
        settings = GenerateSettings(
            count=count,
            sampler="ddim",
            steps=self.config.steps,
            seed=noise_seed * APART,
            device=self.config.device,
        )
        return diffusion.generate(training, settings, progress=progress)

    def _forecast(self, arm: Arm, judge: Judge) -> None:
        """Judge the chosen images themselves, and count what is odd among them."""
        outcome = self.outcomes.get(arm.key)
        if outcome is None or "forecast" in outcome:
            return
        self._say(f"forecast for {arm.key}")
        ids = self.chooser.ids(arm)
        pool = judge.references["pool"]
        row = {id: number for number, id in enumerate(pool.ids)}
        rows = np.array([row[id] for id in ids if id in row])
        most = self.config.budget  # the same count for all, as values depend on it
        if len(rows) > most:
            rows = np.random.default_rng(0).choice(rows, most, replace=False)
        found = self._evaluate(judge, pool.x[rows], nulls=0, bootstrap=0)
        outliers, near_copies = self.chooser.counts(ids)
        outcome |= {"outliers": outliers, "near_copies": near_copies}
        outcome["forecast"] = {**found.values, "images": len(rows)}
        self._keep(arm.key, outcome)
        self._page("The values of the drawings are still to come.")

    def _finish(self, arm: Arm, judge: Judge) -> None:
        """Draw all pictures of an arm, judge them, and see which images made the bad ones."""
        if arm.without:
            self._show(arm)
            self._forecast(arm, judge)
        outcome, config = self.outcomes[arm.key], self.config
        seeds = [str(seed) for seed in config.noise_seeds]
        if all(seed in outcome["drawn"] for seed in seeds):
            self._advance(config.count * len(seeds))
            return
        training = Run(Path(outcome["run_path"]))
        for noise_seed in config.noise_seeds:
            self._say(f"draw {arm.key}")
            before = self.done
            folder = self._draw(
                training,
                noise_seed,
                config.count,
                lambda done, of, before=before: self.report(before + done, self.total),
            )
            self._advance(config.count)
            made = self._featurized(judge, folder, f"drawings of {arm.key}")
            found = self._evaluate(judge, made.x, nulls=0 if self.real else None)
            if not self.real:
                self.real = {
                    name: one.null for name, one in found.records.items() if one.null is not None
                }
                self._keep("real", self.real)
            outcome["drawn"][str(noise_seed)] = {
                "folder": str(folder),
                "values": found.values,
                "intervals": {name: one.interval for name, one in found.records.items()},
                "bad": self._bad(judge, made.x),
            }
        outcome["folder"] = outcome["drawn"][seeds[0]]["folder"]
        self._keep(arm.key, outcome)
        self._page("More arms are still to come.")

    def _evaluate(
        self, judge: Judge, x: np.ndarray, *, nulls: int | None, bootstrap: int | None = None
    ) -> metrics.Evaluation:
        """Compare features with those of the held-out images."""
        options = judge.config.model_dump(exclude=NOT_OF_METRICS)
        options |= {"metrics": METRICS, "counts": "unequal"}
        options |= {} if nulls is None else {"null_draws": nulls}
        options |= {} if bootstrap is None else {"bootstrap": bootstrap}
        references = judge.references
        return metrics.evaluate(
            real=references["held_out"].x,
            generated=x,
            stand_in=references["pool"].x,
            **options,
        )

    def _bad(self, judge: Judge, x: np.ndarray) -> list[bool]:
        """Tell which drawings no held-out image is near."""
        from ...diffusion.analytic import harm

        return harm.outside(real=judge.references["held_out"].x, drawn=x).tolist()

    def _influence(self, arm: Arm, judge: Judge) -> None:
        """Find the training images that make bad drawings; write fields when asked to."""
        from ...diffusion.analytic import harm, sources, variations

        outcome = self.outcomes[arm.key]
        if "worst" in outcome:
            return
        self._say(f"see which images of {arm.key} make bad drawings")
        training = Run(Path(outcome["run_path"]))
        manifest = runs.read_json(training.path / "manifest.json")
        ids = self._ids_of(manifest)
        drawn = list(outcome["drawn"].values())
        made_of = [sources.load(Path(one["folder"])) for one in drawn]
        bad = [np.array(one["bad"]) for one in drawn]
        flat = [source for each in made_of for source in each]
        found = harm.influence(flat, outside=np.concatenate(bad), n=len(ids))
        use, share_bad = found.use, found.bad
        if self.config.variations:
            folder, rows = variations.vary(
                training,
                count=self.config.variations,
                evaluations=self.config.steps,
                device=self.config.device,
            )
            varied = self._featurized(judge, folder, f"variations of {arm.key}")
            each = variations.load(folder, rows)
            judged = np.array(self._bad(judge, varied.x))
            found = harm.influence(each, outside=judged, n=len(ids))
        outcome["bad"] = share_bad
        outcome["worst"] = [
            {
                "id": ids[row],
                "path": manifest["paths"][row],
                "harm": float(found.harm[row]),
                "low": float(found.low[row]),
                "rate": float(found.rate[row]),
            }
            for row in found.worst()
            if found.harm[row] > 0
        ]
        if self.config.fields:
            self._write_fields(arm, drawn, made_of, ids, use, found)
        self._keep(arm.key, outcome)
        self._page("")

    def _write_fields(
        self,
        arm: Arm,
        drawn: list[dict[str, Any]],
        made_of: list[list[Any]],
        ids: list[str],
        use: np.ndarray,
        found: Any,
    ) -> None:
        for one, each in zip(drawn, made_of, strict=True):
            linked = import_generated(one["folder"], name=self.generated, arm=arm.key)
            attribution.write_sources(
                linked.dataset,
                Path(one["folder"]),
                [
                    [(ids[row], float(share)) for row, share in zip(*s.largest(10), strict=True)]
                    for s in each
                ],
                inside=[not bad for bad in one["bad"]],
            )
        attribution.write_harm(
            self.dataset,
            self.config.name,
            arm.key,
            ids=ids,
            use=use,
            harm=found.harm,
            low=found.low,
        )

    def _featurized(self, judge: Judge, folder: Path, role: str) -> Images:
        return featurize(
            side(folder),
            judge.encoder.at(judge.size),
            role=role,
            config=judge.config,
            progress=False,
        )

    def _ids_of(self, manifest: dict[str, Any]) -> list[str]:
        pool = self.chooser.pool
        known = dict(zip(pool.names, pool.ids, strict=True))
        known |= dict(zip(pool.paths, pool.ids, strict=True))
        return [known[name] for name in manifest["ids"]]

    def _worst_of(self, key: str) -> list[str]:
        return [one["id"] for one in self.outcomes[key].get("worst", [])]

    def _kept(self, key: str) -> Any:
        path = self.run.path / "cells" / f"{key}.json"
        return runs.read_json(path) if path.exists() else None

    def _keep(self, key: str, values: Any) -> None:
        path = self.run.path / "cells" / f"{key}.json"
        path.parent.mkdir(exist_ok=True)
        runs.write_json(path, values)

    def _say(self, message: str) -> None:
        self.run.set_status("running", message=message, progress=self.done / self.total)

    def _advance(self, pictures: int) -> None:
        self.done += pictures
        self.report(self.done, self.total)

    def _page(self, state: str) -> Path:
        found = [self.outcomes[arm.key] for arm in self.arms if arm.key in self.outcomes]
        path = page.write(
            self.run,
            dataset=self.dataset.name,
            outcomes=found,
            real=self.real,
            images=(len(self.ids), len(self.held_out)),
            settings=self.config.model_dump(mode="json"),
            state=state,
        )
        self.run.set_status("running", page=str(path))
        return path
