"""``study``: train, generate and evaluate each arm with each seed, and compare."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Unpack

from .. import runs
from ..common.errors import RunError, Stopped
from ..config import StudySettings
from ..config.options import StudyOptions
from ..config.signatures import with_settings
from ..datasets import identity, reading
from ..datasets.database import lost_in_words
from ..datasets.resolving import all_samples
from ..runs import Run
from ..workflows.importing import import_images
from ..workflows.progress import Progress
from ..workflows.sources import folder_of
from . import arm_images, planning, splitting
from .directory import open_study
from .judging import fetch_weights
from .leaving_out import with_left_out
from .preview.first import preview_first
from .recorded import embed_of, preview_settings, study_settings
from .sharing import Leadership
from .study_result import StudyResult
from .study_work import StudyWork
from .unreadable import readable_view


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
    Arms and seeds may be added, changed or dropped later under the same name, and only what is
    new is trained; other settings may not change. The same call in another process, or on
    another machine that sees the same home, takes part: no training is done twice. The
    images are those that were there when the study began: new ones are counted and said, a
    study whose images are gone or changed is refused.

    A training that fails does not stop the others; the same call tries it again.

    Args:
        source: A folder of images, a FiftyOne data set, its name, or a view. Or a folder of shards,
            whose vectors are taken unless ``embed`` has an ``encoder``, ``weights`` or ``dtype``.
        update_images: Take the images of today where they differ from those that the study
            began with. All trainings are done anew; earlier ones stay beside them.
        progress: Show a bar (True), nothing (False), or call ``progress(done, total)`` with
            training steps.
        **settings: See `StudySettings`.

    Raises:
        SettingsError: A setting is wrong, or differs from the study of that name.
        DataError: The images cannot be used; or the files of some cannot be opened as it begins,
            and ``train.bad_images`` is not ``skip``, which leaves them out of every arm.
        RunError: Trainings failed, or the study is about other images.
        Stopped: It was asked to end; the message says how it goes on.
    """
    config = StudySettings(**dict[str, Any](settings))
    folder = folder_of(source)
    if folder is not None:
        config = config.model_copy(update={"embed": embed_of(config.name, folder, config.embed)})
        source = import_images(folder).dataset
    dataset, view = reading.resolve(source)
    planning.check_classes(config, dataset)
    arm_images.check(config, dataset)
    view, left_out = readable_view(config, view, update=update_images)
    config = with_left_out(config, dataset, view)
    fetch_weights(config.name, dataset, config.embed, config.evaluate)
    run = open_study(config, identity.identity(dataset), folder)
    with Leadership(run) as leads:
        leads.set_status("running", message="preparing", error=None)
        work = StudyWork(run, config, dataset, view, progress, leads, left_out)
        try:
            with lost_in_words():
                preview_first(run, config, view, progress)
                result = work.carry_out(update_images=update_images)
        except (KeyboardInterrupt, Stopped):
            message = (
                f"the study {run.id} was stopped with {len(work.outcomes)} of "
                f"{len(work.cells)} trainings done; go on with: curadiff runs {run.id} --resume"
            )
            leads.set_status("stopped", message="stopped", error=None, eta_seconds=None)
            raise Stopped(message) from None
        except BaseException as fault:
            leads.note_failure(fault)
            raise
        leads.set_status("finished", message="finished", report=str(result.report), eta_seconds=0)
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
    view, settings = begun_with(run)
    return study(view, progress=progress, **settings)


def begun_with(run: Run) -> tuple[Any, dict[str, Any]]:
    """Return the images that a study or a preview was begun with, as a view of today.

    Returns:
        The view, and the settings to go on with.
    """
    record = run.record
    known = record.get("identity") or {"name": record.get("dataset", "")}
    dataset = identity.open_by_identity(known)
    images = splitting.begun_with(run)
    every = all_samples(dataset)
    view = every.select(images, ordered=True) if images else every.view()
    view = view if len(view) else dataset.view()  # imported anew: found by name and content
    settings = preview_settings(run) if run.kind == "preview" else study_settings(run)
    return view, settings.model_dump(mode="json")
