"""``curadiff runs``: list, follow, stop, resume, delete."""

from __future__ import annotations

import argparse
import datetime
import re
import sys
import time
from collections.abc import Sequence
from typing import Any

from .. import runs
from ..common.errors import RunError, SettingsError
from ..runs import Damaged, Run, launch, lease
from .output import Answer, run_as_json

HIDDEN = ("heartbeat", "time", "pid", "advised", "error_kind")  # of a status, for programs
WIDTH = 300  # of an error in the list
ESCAPE = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)?|.)")


def manage(args: argparse.Namespace) -> Answer | None:
    """Do what the flags ask of one run, or list all."""
    actions = [name for name in ("follow", "stop", "resume", "delete") if getattr(args, name)]
    if len(actions) > 1:
        raise SettingsError(f"one thing at a time: got --{' and --'.join(actions)}.")
    if not args.RUN:
        if actions:
            raise SettingsError(f"--{actions[0]} needs the run: curadiff runs RUN --{actions[0]}")
        listed, damaged = runs.survey()
        return Answer([*listed, *map(_damaged_as_json, damaged)], table(listed, damaged))
    if actions == ["delete"]:
        return _delete(args.RUN, yes=args.yes)
    run = runs.open_run(args.RUN)
    act = {"follow": _follow, "stop": _stop, "resume": _resume}
    return act.get(actions[0] if actions else "", _show)(run)


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
            errors[len(rows)] = one_line(str(error))
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
        errors[len(rows)] = one_line(broken.why)
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


def one_line(text: str, width: int = WIDTH) -> str:
    """Return a text in one line of printable characters: no escape sequence of it takes effect."""
    line = " ".join(ESCAPE.sub("", text).split())
    line = "".join(letter if letter.isprintable() else "?" for letter in line)
    return line if len(line) <= width else f"{line[: width - 1]}…"


def _when(created: str) -> str:
    """Say in local time when a run was made."""
    try:
        moment = datetime.datetime.fromisoformat(created).astimezone()
    except ValueError:
        return created
    return f"{moment:%Y-%m-%d %H:%M}"


def _show(run: Run) -> Answer:
    record, status = run.record, run.status
    verb = record.get("verb")
    lines = [f"{run.id} ({f'job: {verb}' if verb else run.kind}) in {run.path}"]
    lines.append(f"  made: {_when(record['created'])}")
    if record.get("dataset"):
        lines.append(f"  data set: {record['dataset']}")
    for name, value in status.items():
        if name not in HIDDEN and value is not None and not (name == "message" and _same(status)):
            lines.append(f"  {name.replace('_', ' ')}: {one_line(str(value))}")
    holder = lease.holder(run.path)
    if holder is not None:
        lines.append(f"  works in: {holder}")
    if isinstance(status.get("heartbeat"), int | float):
        lines.append(f"  last heard of: {_ago(time.time() - status['heartbeat'])}")
    return Answer(run, "\n".join(lines), _next(run))


def _next(run: Run) -> tuple[str, ...]:
    """Return what is usually typed next for a run in this state."""
    state = run.status["state"]
    if state in runs.ACTIVE:
        return (f"curadiff runs {run.id} --follow",)
    if state == "finished":
        return (f"curadiff generate {run.id}",) if run.kind == "train" else ()
    return (f"curadiff runs {run.id} --resume",)


def _damaged_as_json(damaged: Damaged) -> dict[str, str]:
    return {"run": damaged.path.name, "path": str(damaged.path), "damaged": damaged.why}


def _same(status: dict[str, Any]) -> bool:
    return status.get("message") == status.get("error")


def _ago(seconds: float) -> str:
    for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit} ago"
    return f"{max(seconds, 0):.0f} seconds ago"


def _follow(run: Run) -> Answer:
    """Show the progress of a run until it ends; Ctrl-C ends the showing alone."""
    if run.kind == "train":
        from ..workflows.training import follow

        follow(run, stop_on_interrupt=False)
    width = 0
    while (status := run.status)["state"] in runs.ACTIVE:
        line = f"{run.id}: {progress(status)} {one_line(status.get('message') or '', 120)}"
        print(f"\r{line:<{width}}", end="", file=sys.stderr, flush=True)
        width = len(line)
        time.sleep(1)
    if width:
        print(file=sys.stderr)
    return Answer(run, f"{run.id}: {run.status['state']}", _next(run))


def _stop(run: Run) -> Answer:
    process = launch.end(run)
    if process is None:
        raise RunError(f"{run.id} is not running (it is {run.status['state']}).")
    return Answer(run, launch.stopping(run, process), (f"curadiff runs {run.id} --resume",))


def _resume(run: Run) -> Answer:
    from ..jobs import jobs
    from ..studies.engine import begun_with, resume_study
    from ..studies.preview.engine import preview
    from ..workflows.training import resume

    if run.kind == "study":
        return Answer(resume_study(run))
    if run.kind == "preview":
        view, settings = begun_with(run)
        return Answer(preview(view, **settings))
    (jobs.resume if run.kind == "job" else resume)(run)
    return Answer(run, f"{run.id}: {run.status['state']}", _next(run))


def _delete(name: str, *, yes: bool) -> Answer:
    """Say what goes, ask, and delete it."""
    from ..workflows.deleting import delete_run

    deletion = delete_run(name)
    described = run_as_json(deletion.run)
    print(f"This deletes {deletion}", flush=True)
    if not yes:
        if not sys.stdin.isatty():
            raise RunError(
                f"nothing was deleted: give --yes to delete {deletion.run.id} without being asked."
            )
        if input("Delete it? [y/N] ").strip().lower() not in ("y", "yes"):
            return Answer({"deleted": None}, "Nothing was deleted.")
    delete_run(deletion.run, yes=True)
    return Answer({"deleted": described}, f"{deletion.run.id} is deleted")
