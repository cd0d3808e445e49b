"""``curadiff runs`` and ``curadiff cache``: list, follow, stop, resume, delete."""

from __future__ import annotations

import argparse
import datetime
import sys
import time
from collections.abc import Sequence
from typing import Any

from .. import runs
from ..common.errors import RunError, SettingsError
from ..runs import Damaged, Run, launch, lease

HIDDEN = ("heartbeat", "time", "pid")  # numbers of a status that mean nothing to a reader
WIDTH = 300  # of an error in the list


def manage(args: argparse.Namespace) -> None:
    """Do what the flags ask of one run, or list all."""
    actions = [name for name in ("follow", "stop", "resume", "delete") if getattr(args, name)]
    if len(actions) > 1:
        raise SettingsError(f"one thing at a time: got --{' and --'.join(actions)}.")
    if not args.RUN:
        if actions:
            raise SettingsError(f"--{actions[0]} needs the run: curadiff runs RUN --{actions[0]}")
        print(table(*runs.survey()))
        return
    if actions == ["delete"]:
        _delete(args.RUN, yes=args.yes)
        return
    run = runs.open_run(args.RUN)
    {
        "follow": _follow,
        "stop": _stop,
        "resume": _resume,
    }.get(actions[0] if actions else "", _show)(run)


def table(listed: Sequence[Run], damaged: Sequence[Damaged] = ()) -> str:
    """Lay runs out, one a line, with what went wrong below those where something did."""
    if not listed and not damaged:
        return f"There are no runs in {runs.home() / 'runs'} yet. Start with: curadiff demo"
    head = ("run", "what", "data set", "state", "progress", "made")
    rows: list[tuple[str, ...]] = [head]
    errors: dict[int, str] = {}
    for run in listed:
        record, status = run.record, run.status
        error = status.get("error")
        if error and status["state"] not in ("finished", *runs.ACTIVE):
            errors[len(rows)] = _short(str(error))
        rows.append(
            (
                run.id,
                str(record.get("verb") or record["kind"]),
                str(record.get("dataset") or ""),
                status["state"],
                progress(status),
                _when(record["created"]),
            )
        )
    for broken in damaged:
        errors[len(rows)] = _short(broken.why)
        rows.append((broken.path.name, "", "", "damaged", "", ""))
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    lines = []
    for number, row in enumerate(rows):
        cells = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        lines.append(cells.rstrip())
        if number in errors:
            lines.append(f"    {errors[number]}")
    return "\n".join(lines)


def progress(status: dict[str, Any]) -> str:
    """Say how far a run is; nothing where that is not known."""
    if status.get("steps"):
        return f"{status.get('step', 0)}/{status['steps']} steps"
    if status.get("total"):
        return f"{status.get('done', 0)}/{status['total']}"
    share = status.get("progress")
    return f"{100 * share:.0f} %" if isinstance(share, float) else ""


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= WIDTH else f"{line[: WIDTH - 1]}…"


def _when(created: str) -> str:
    """Say in local time when a run was made."""
    try:
        moment = datetime.datetime.fromisoformat(created).astimezone()
    except ValueError:
        return created
    return f"{moment:%Y-%m-%d %H:%M}"


def _show(run: Run) -> None:
    record, status = run.record, run.status
    verb = record.get("verb")
    print(f"{run.id} ({f'job: {verb}' if verb else run.kind}) in {run.path}")
    print(f"  made: {_when(record['created'])}")
    if record.get("dataset"):
        print(f"  data set: {record['dataset']}")
    for name, value in status.items():
        if name not in HIDDEN and value is not None and not (name == "message" and _same(status)):
            print(f"  {name}: {value}")
    holder = lease.holder(run.path)
    if holder is not None:
        print(f"  works in: {holder}")
    if isinstance(status.get("heartbeat"), int | float):
        print(f"  last heard of: {_ago(time.time() - status['heartbeat'])}")


def _same(status: dict[str, Any]) -> bool:
    return status.get("message") == status.get("error")


def _ago(seconds: float) -> str:
    for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit} ago"
    return f"{max(seconds, 0):.0f} seconds ago"


def _follow(run: Run) -> None:
    if run.kind == "train":
        from ..workflows.training import follow

        follow(run)
        return
    while (status := run.status)["state"] in runs.ACTIVE:
        print(f"\r{run.id}: {progress(status)} {status.get('message', '')}   ", end="", flush=True)
        time.sleep(1)
    print(f"\r{run.id}: {run.status['state']}{' ' * 40}")


def _stop(run: Run) -> None:
    process = launch.end(run)
    if process is None:
        raise RunError(f"{run.id} is not running (it is {run.status['state']}).")
    print(launch.stopping(run, process))
    print(f"Go on with: curadiff runs {run.id} --resume")


def _resume(run: Run) -> None:
    from ..jobs import jobs
    from ..studies.engine import resume_study
    from ..workflows.training import resume

    if run.kind == "study":
        print(resume_study(run))
        return
    (jobs.resume if run.kind == "job" else resume)(run)
    print(f"{run.id}: {run.status['state']}")


def _delete(name: str, *, yes: bool) -> None:
    """Say what goes, ask, and delete it."""
    from ..workflows.deleting import delete_run

    deletion = delete_run(name)
    print(f"This deletes {deletion}")
    if not yes:
        if not sys.stdin.isatty():
            raise RunError(
                f"nothing was deleted: give --yes to delete {deletion.run.id} without being asked."
            )
        if input("Delete it? [y/N] ").strip().lower() not in ("y", "yes"):
            print("Nothing was deleted.")
            return
    delete_run(deletion.run, yes=True)
    print(f"{deletion.run.id} is deleted")


def manage_cache(clear: str | None) -> None:
    """Show what every cache holds; empty one, or the features of one encoder.

    Args:
        clear: A kind, an encoder's key, ``""`` for everything, or None for nothing.
    """
    from ..encoders import cache
    from ..runs import caches

    if clear is not None:
        if clear not in caches.KINDS:
            key = None if clear in ("", "features") else clear
            print(f"{cache.clear(key)} features forgotten")
        for kind in caches.KINDS if clear == "" else (clear,):
            if kind in caches.KINDS:
                print(f"{caches.clear(kind)} {caches.ABOUT[kind]} deleted")
    features = cache.info()
    rows = [("features", features.bytes, features.limit, f"{sum(features.images.values())} images")]
    rows += [
        (kept.kind, kept.bytes, kept.limit, f"{kept.entries} {caches.ABOUT[kept.kind]}")
        for kept in caches.info()
    ]
    for kind, size, most, what in rows:
        print(f"{kind:<9} {size / 1e6:>9.1f} MB of at most {most / 1e6:>6.0f} MB  {what}")
    for key, count in features.images.items():
        print(f"  features of {count} images by {key}")
    print(f"in {runs.home()}")
