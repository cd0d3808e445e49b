"""``study``: run one, plan one, or look at and change one that there is; and ``export``."""

from __future__ import annotations

import argparse
from typing import Any

from ..config import VERBS
from .flags import given_settings
from .output import Answer
from .settings_file import merged, read_settings


def run_study(args: argparse.Namespace) -> Answer:
    """Run, estimate or plan a study, or do what its first word says instead."""
    from ..studies import engine
    from ..workflows import estimating

    given: list[str] = args.SOURCE
    first, rest = (given[0], given[1:]) if given else (None, [])
    if first in INSTEAD:
        return INSTEAD[first](args, rest)
    if rest:
        args.parser.error(f"one source is needed, got {len(rest) + 1}")
    settings = read_settings(args.file) if args.file else {}
    source = first or settings.get("source")
    settings.pop("source", None)
    settings = merged(settings, given_settings(args, VERBS["study"]))
    if args.dry_run is not None:
        return _plan(source, settings, args.dry_run)
    if source is None:
        args.parser.error("a source is needed: a folder or data set, or 'source:' in the file")
    if args.estimate:
        return Answer(estimating.estimate_study(**settings))
    options = {"update_images": args.update_images, "progress": not args.json}
    return Answer(engine.study(source, **options, **settings))


def _plan(source: str | None, settings: dict[str, Any], images: int) -> Answer:
    """Say what a study would do; without its images where their number is given or unknown."""
    from ..config import StudySettings
    from ..studies.study_plan import study_plan

    count = images or None
    if count is None and source is not None:
        from ..workflows.sources import images_of

        count = len(images_of(source)[0].ids)
    return Answer(study_plan(StudySettings(**settings), images=count))


def _status(args: argparse.Namespace, names: list[str]) -> Answer:
    from ..studies.managing import study_status

    return Answer(study_status(_only(args, names, "status")))


def _report(args: argparse.Namespace, names: list[str]) -> Answer:
    from ..studies.managing import study_report

    return Answer(study_report(_only(args, names, "report")))


def _add(args: argparse.Namespace, names: list[str]) -> Answer:
    from ..studies.managing import study_add

    study, arms = _with_arms(args, names, "add")
    return _arms(study, study_add(study, arms))


def _drop(args: argparse.Namespace, names: list[str]) -> Answer:
    from ..studies.managing import study_drop

    study, arms = _with_arms(args, names, "drop")
    return _arms(study, study_drop(study, arms))


def _only(args: argparse.Namespace, names: list[str], word: str) -> str:
    if len(names) != 1:
        args.parser.error(f"study {word} needs the name of one study, got {len(names)}")
    return names[0]


def _with_arms(args: argparse.Namespace, names: list[str], word: str) -> tuple[str, list[str]]:
    if len(names) < 2:
        args.parser.error(f"study {word} needs the name of a study, and arms")
    return names[0], names[1:]


def _arms(study: str, arms: list[str]) -> Answer:
    text = f"{study} has the arms {', '.join(arms)}"
    return Answer({"study": study, "arms": arms}, text, (f"curadiff runs {study} --resume",))


INSTEAD = {"status": _status, "report": _report, "add": _add, "drop": _drop}
"""What the first word may be instead of a source; a data set named so is ``dataset:status``."""


def run_export(args: argparse.Namespace) -> Answer:
    """Write a selection to an image folder."""
    from ..workflows.exporting import export

    return Answer(export(args.SELECTION, to=args.to, captions=args.captions))
