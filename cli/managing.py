"""``curadiff runs``: list, follow, stop, resume, delete."""

from __future__ import annotations

import argparse
import shutil
import time

from .. import runs
from ..errors import RunError, SettingsError
from ..runs import Run


def manage(words: argparse.Namespace) -> None:
    """Do what the flags ask of one run, or list all."""
    asked = [name for name in ("follow", "stop", "resume", "delete") if getattr(words, name)]
    if len(asked) > 1:
        raise SettingsError(f"one thing at a time: got --{' and --'.join(asked)}.")
    if not words.RUN:
        if asked:
            raise SettingsError(f"--{asked[0]} needs the run: curadiff runs RUN --{asked[0]}")
        print(table(runs.listing()))
        return
    run = runs.open_run(words.RUN)
    {
        "follow": _follow,
        "stop": _stop,
        "resume": _resume,
        "delete": _delete,
    }.get(asked[0] if asked else "", _show)(run)


def table(found: list[Run]) -> str:
    """Lay runs out, one a line."""
    if not found:
        return f"There are no runs in {runs.home() / 'runs'} yet. Start with: curadiff demo"
    rows = [("run", "kind", "state", "progress", "made")]
    for run in found:
        record, status = run.record, run.status
        rows.append((run.id, record["kind"], status["state"], _progress(status), record["created"]))
    widths = [max(len(row[i]) for row in rows) for i in range(5)]
    lines = ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) for row in rows]
    return "\n".join(line.rstrip() for line in lines)


def _progress(status: dict[str, object]) -> str:
    if status.get("steps"):
        return f"{status.get('step', 0)}/{status['steps']} steps"
    if isinstance(status.get("progress"), float):
        return f"{100 * float(str(status['progress'])):.0f} %"
    return ""


def _show(run: Run) -> None:
    print(f"{run.id} ({run.kind}) in {run.path}")
    for name, value in run.status.items():
        print(f"  {name}: {value}")


def _follow(run: Run) -> None:
    if run.kind == "train":
        from ..api.training import follow

        follow(run)
        return
    while (status := run.status)["state"] in runs.ACTIVE:
        print(f"\r{run.id}: {_progress(status)} {status.get('message', '')}   ", end="", flush=True)
        time.sleep(1)
    print(f"\r{run.id}: {run.status['state']}{' ' * 40}")


def _stop(run: Run) -> None:
    from ..api import jobs, stop

    (jobs.stop if run.kind == "job" else stop)(run)
    print(
        f"{run.id} is writing a checkpoint and will end. Go on with: curadiff runs {run.id} "
        "--resume"
    )


def _resume(run: Run) -> None:
    from ..api import jobs, resume, resume_study

    if run.kind == "study":
        print(resume_study(run))
        return
    (jobs.resume if run.kind == "job" else resume)(run)
    print(f"{run.id}: {run.status['state']}")


def _delete(run: Run) -> None:
    if runs.held(run.path):
        raise RunError(f"{run.id} is running; stop it first with: curadiff runs {run.id} --stop")
    shutil.rmtree(run.path)
    print(f"{run.id} is deleted")
