"""``preview``: what selections would make a model draw, without training one."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Unpack

from ... import runs
from ...common.errors import Stopped
from ...common.keys import generated_dataset
from ...config import PreviewSettings
from ...config.options import PreviewOptions
from ...config.signatures import with_settings
from ...datasets import attribution, identity, reading, writing
from ...datasets.database import lost_in_words
from ...datasets.resolving import all_samples
from ...runs import Lease, Run
from ...runs.failure import note_failure
from ...workflows.embedding import embed, field_of
from ...workflows.importing import import_images
from ...workflows.progress import Progress, reporting, tell
from ...workflows.sources import folder_of
from .. import splitting
from ..judging import Judge, fetch_weights
from ..recorded import embed_of
from ..unreadable import check_files
from . import LABEL, page
from .arms import Arm, ArmImages, OwnArms, check_arms, drawing_order, list_arms, study_arms
from .copies import copies_in
from .directory import freeze_images, note_settings, open_preview, own_arms, samples_today
from .influence import ArmInfluence, far_from_real
from .models import draw_pictures, frozen_model
from .result import PreviewResult
from .scores import drawing_features, forecast_arm, has_all, score_drawings

FIRST = 25  # pictures of an arm that are shown, and drawn before anything else


@with_settings(PreviewSettings)
@lost_in_words()
def preview(
    source: Any, *, progress: Progress = True, **settings: Unpack[PreviewOptions]
) -> PreviewResult:
    """See what selections would make a model draw, in minutes and without training.

    Every arm draws with the analytic model: the closed-form posterior mean of its images in
    windows. What is done is kept, so the same call goes on where an earlier one stopped;
    more arms and noise seeds may be added under the same name, and only they are drawn. The
    images are those that were there when the preview began: new ones are counted and said.
    The page ``preview.html`` of the run grows with every arm.

    Args:
        source: A folder of images, a FiftyOne data set, its name, or a view. Or a folder of shards,
            whose vectors are taken unless ``embed`` has an ``encoder``, ``weights`` or ``dtype``.
        progress: Show a bar (True), nothing (False), or call ``progress(done, total)``.
        **settings: See `PreviewSettings`.

    Raises:
        SettingsError: A setting is wrong, or differs from the preview of that name.
        DataError: The images cannot be used, or the files of some cannot be opened as it begins.
        RunError: The preview of that name is of other images, or another process works on it.
    """
    return make_preview(source, PreviewSettings(**dict[str, Any](settings)), progress=progress)


def make_preview(
    source: Any, config: PreviewSettings, *, progress: Progress, own: OwnArms | None = None
) -> PreviewResult:
    """Preview, also arms that have settings of their own; see `preview`.

    Args:
        source: As for `preview`.
        config: The settings.
        progress: As for `preview`.
        own: Arms of a study by their name in ``config.arms``. They are kept with the preview.
    """
    folder = folder_of(source)
    if folder is not None:
        config = config.model_copy(update={"embed": embed_of(config.name, folder, config.embed)})
        source = import_images(folder).dataset
    dataset, view = reading.resolve(source)
    fetch_weights(config.name, dataset, config.embed, config.evaluate)
    check_files(config.name, view)
    known = identity.identity(dataset)
    run = open_preview(config, known)
    with Lease(run.path):
        note_settings(run, config, known)
        run.set_status("running", message="preparing", error=None)
        try:
            result = _Preview(run, config, dataset, view, progress, own or {}).carry_out()
        except BaseException as fault:
            if isinstance(fault, KeyboardInterrupt | Stopped):
                run.set_status("stopped", error=str(fault) or None)
            else:
                note_failure(run, fault)
            raise
        run.set_status("finished", message=LABEL, page=str(result.page), eta_seconds=0)
    return result


class _Preview:
    """The steps of one preview; what is done is on disk, so all of it can be run again."""

    def __init__(
        self,
        run: Run,
        config: PreviewSettings,
        dataset: Any,
        view: Any,
        progress: Progress,
        own: OwnArms,
    ) -> None:
        self.run, self.config, self.dataset, self.view = run, config, dataset, view
        self.progress, self.own = progress, own_arms(run, own)
        self.arms = list_arms(config, self.own)
        self.outcomes: dict[str, dict[str, Any]] = {}
        self.real: dict[str, float] = self._stored("real") or {}
        generated = generated_dataset(dataset.name, config.name)
        self.generated = str(run.record.get("generated") or generated)  # also after a rename
        self.field = field_of(config.embed)
        self.notes: tuple[str, ...] = ()

    def carry_out(self) -> PreviewResult:
        """Draw the first pictures of every arm, then judge and draw the rest."""
        self._divide()
        order = drawing_order(self.arms)
        pictures = len(order) * self.config.count * len(self.config.noise_seeds)
        with reporting(self.progress, f"preview {self.config.name}", "picture") as report:
            self.report, self.total, self.done = report, pictures, 0
            early = next((arm for arm in order if arm.name == "random"), None)
            if early is not None:
                self._draw_first(early)  # a random choice needs no embeddings
            self._embed()
            for arm in order:
                if not arm.without:
                    self._draw_first(arm)
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
                    self._find_worst(arm, judge)
        outcomes = [self.outcomes[arm.key] for arm in self.arms]
        generated = self.generated if self.config.fields else None
        written = self._write_page("")
        words, others = study_arms(self.config.arms, self.dataset)
        return PreviewResult(
            self.run,
            written,
            outcomes,
            self.real,
            generated,
            self.notes,
            study_arms=tuple(words),
            not_in_study=tuple(others),
        )

    def _divide(self) -> None:
        """Read which images may be used and which are held out, or decide it."""
        frozen = freeze_images(self.run, self.dataset, self.view)
        self.run.add(generated=self.generated)
        self.view = all_samples(self.dataset).select(frozen.ids, ordered=True)
        divided = splitting.divide(self.run, self.config, self.dataset, frozen, self.field)
        self.notes = (*frozen.notes, *divided.notes)
        for note in self.notes:
            tell(self.progress, note)
        self.pool_ids, self.held_out = divided.pool, divided.held_out
        check_arms(self.config, self.own, len(self.pool_ids))
        pool = reading.read_paths(all_samples(self.dataset).select(self.pool_ids, ordered=True))
        self.today = samples_today(self.run, frozen)
        self.images = ArmImages(self.run, self.config, self.dataset, pool, self.today, self.own)

    def _embed(self) -> None:
        embed(self.view, progress=self.progress, **self.config.embed.model_dump())
        self.images.pool = reading.read_embeddings(
            all_samples(self.dataset).select(self.pool_ids, ordered=True), self.field
        )

    def _judge(self) -> Judge:
        looks = any(arm.name not in ("full", "random") for arm in self.arms)
        encoder = reading.encoder_of(self.dataset, self.field)
        return Judge(
            self.config.evaluate,
            self.dataset,
            pool=self.images.pool.ids,
            held_out=self.held_out,
            mirrored=False,
            image_size=self.config.image_size,
            selected_with=[encoder] if looks and encoder else [],
            study=self.config.name,
        )

    def _draw_first(self, arm: Arm) -> None:
        """Draw the first pictures of an arm, and write the page."""
        if arm.key in self.outcomes:
            return
        outcome = self._stored(arm.key)
        if outcome is None:
            worst = self._worst_of(arm.without[0]) if arm.without else ()
            ids = self.images.ids(arm, worst)
            self._say(f"draw the first pictures of {arm.key}")
            model_run = frozen_model(self.run, self.config, self.dataset, arm, ids)
            first = self.config.noise_seeds[0]
            count = min(FIRST, self.config.count)
            folder = draw_pictures(model_run, self.config, noise_seed=first, count=count)
            outcome = {
                "arm": arm.key,
                "name": arm.name,
                "seed": arm.seed,
                "images": len(runs.read_json(model_run.path / "manifest.json")["ids"]),
                "run": model_run.id,
                "run_path": str(model_run.path),
                "folder": str(folder),
                "drawn": {},
            }
        self.outcomes[arm.key] = outcome
        self._write_page("More pictures and the values are still to come.")

    def _forecast(self, arm: Arm, judge: Judge) -> None:
        """Judge the chosen images themselves, and count what is odd among them."""
        outcome = self.outcomes.get(arm.key)
        if outcome is None or has_all(outcome.get("forecast", {})):
            return
        self._say(f"forecast for {arm.key}")
        ids = self.images.ids(arm)
        outcome |= self.images.diagnostics(ids)
        outcome["forecast"] = forecast_arm(judge, ids, most=self.config.budget)
        self._store(arm.key, outcome)
        self._write_page("The values of the drawings are still to come.")

    def _finish(self, arm: Arm, judge: Judge) -> None:
        """Draw all pictures of an arm, and judge them."""
        if arm.without:
            self._draw_first(arm)
            self._forecast(arm, judge)
        outcome, config = self.outcomes[arm.key], self.config
        seeds = [str(seed) for seed in config.noise_seeds]
        if all(has_all(outcome["drawn"].get(seed, {}).get("values", {})) for seed in seeds):
            self._advance(config.count * len(seeds))
            return
        model_run = Run(Path(outcome["run_path"]))
        for noise_seed in config.noise_seeds:
            self._say(f"draw {arm.key}")
            before = self.done
            folder = draw_pictures(
                model_run,
                config,
                noise_seed=noise_seed,
                count=config.count,
                progress=lambda done, of, before=before: self.report(before + done, self.total),
            )
            self._advance(config.count)
            drawings = drawing_features(judge, folder, f"drawings of {arm.key}")
            evaluation = score_drawings(judge, drawings.x, with_real=not self.real)
            if not self.real:
                self.real = {
                    name: record.null
                    for name, record in evaluation.records.items()
                    if record.null is not None
                }
                self._store("real", self.real)
            outcome["drawn"][str(noise_seed)] = {
                "folder": str(folder),
                "values": evaluation.values,
                "intervals": {name: one.interval for name, one in evaluation.records.items()},
                "bad": far_from_real(judge, drawings.x),
                **copies_in(model_run, folder),
            }
        outcome["folder"] = outcome["drawn"][seeds[0]]["folder"]
        self._store(arm.key, outcome)
        self._write_page("More arms are still to come.")

    def _find_worst(self, arm: Arm, judge: Judge) -> None:
        """Find the training images that make bad drawings; write fields when asked to."""
        outcome = self.outcomes[arm.key]
        written = not self.config.fields or self._has_fields(arm)
        if "worst" in outcome and written:
            return
        self._say(f"see which images of {arm.key} make bad drawings")
        influence = ArmInfluence(outcome, self.config, self.images.pool, judge)
        outcome["bad"], outcome["worst"] = influence.share_bad, influence.worst()
        outcome["harm_p"] = influence.chance
        if self.config.fields:
            influence.write_fields(self.dataset, self.generated)
        self._store(arm.key, outcome)
        self._write_page("")

    def _has_fields(self, arm: Arm) -> bool:
        field = writing.key_of(f"{self.config.name}_{arm.key}")
        if self.dataset.get_field(f"{field}_harm") is None:
            return False
        drawn = self.outcomes[arm.key]["drawn"].values()
        return attribution.has_sources(self.generated, [Path(one["folder"]) for one in drawn])

    def _worst_of(self, key: str) -> list[str]:
        worst = self.outcomes[key].get("worst", [])
        return [str(self.today.get(image["id"], image["id"])) for image in worst]

    def _stored(self, key: str) -> Any:
        path = self.run.path / "cells" / f"{key}.json"
        return runs.read_json(path) if path.exists() else None

    def _store(self, key: str, values: Any) -> None:
        path = self.run.path / "cells" / f"{key}.json"
        path.parent.mkdir(exist_ok=True)
        runs.write_json(path, values)

    def _say(self, message: str) -> None:
        self.run.set_status("running", message=message, progress=self.done / self.total)

    def _advance(self, pictures: int) -> None:
        self.done += pictures
        self.report(self.done, self.total)

    def _write_page(self, state: str) -> Path:
        outcomes = [self.outcomes[arm.key] for arm in self.arms if arm.key in self.outcomes]
        runs.write_json(self.run.path / "outcomes.json", outcomes)
        path = page.write_page(
            self.run,
            dataset=self.dataset.name,
            outcomes=outcomes,
            real=self.real,
            images=(len(self.pool_ids), len(self.held_out)),
            settings=self.config.model_dump(mode="json"),
            notes=self.notes,
            state=state,
        )
        self.run.set_status("running", page=str(path))
        return path
