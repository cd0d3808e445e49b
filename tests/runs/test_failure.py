"""Whoever waits for a process learns of what kind its fault was, also where no status fits."""

import errno
import os
import shutil
import sys
from pathlib import Path

import pytest
from curadiff import runs
from curadiff.cli import main
from curadiff.common.disk_faults import is_full
from curadiff.common.errors import DiskFull, EnvironmentFault, RunError, Unwritten
from curadiff.runs import launch
from curadiff.runs.exit_status import STATUSES, exit_status, kind_of_status
from curadiff.runs.failure import KINDS, failure, note_failure

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def because(fault, cause):
    fault.__cause__ = cause
    return fault


FAULTS = [
    (DiskFull("no room", Path("x")), DiskFull),
    (because(RunError("could not open a lease"), FULL), DiskFull),
    (because(RunError("no checkpoint"), because(Unwritten("no file", Path("x")), FULL)), DiskFull),
    (FULL, DiskFull),
    (Unwritten("not yours", Path("x")), Unwritten),
    (EnvironmentFault("no GPU"), EnvironmentFault),
    (RunError("of this run"), RunError),
    (OSError(errno.EACCES, "", "/photo"), RunError),
]


@pytest.mark.parametrize(("fault", "raised"), FAULTS)
def test_the_kind_of_a_fault_reaches_whoever_waits(home, fault, raised):
    run = runs.create("train", {})
    note_failure(run, fault, eta_seconds=None)
    assert run.status["state"] == "failed"
    assert run.status["error"] == run.status["message"] == str(fault)
    assert type(failure(run, "sentence")) is raised
    assert str(failure(run, "sentence")) == "sentence"
    assert is_full(fault) == (raised is DiskFull)

    def work():
        raise fault

    status = exit_status(work)
    assert KINDS.get(kind_of_status(status) or "", RunError) is raised
    assert status == STATUSES.get(raised.__name__, 1)


def test_a_reader_is_told_the_sentence_and_no_word_of_programs(home, capsys):
    run = runs.create("train", {})
    note_failure(run, DiskFull("there is no room", run.path), advised=True)
    assert main(["runs", run.id]) == 0
    told = capsys.readouterr().out
    assert told.count("there is no room") == 1
    assert "DiskFull" not in told
    assert "advised" not in told


def test_a_later_failure_is_not_taken_for_the_earlier_kind(home):
    run = runs.create("train", {})
    note_failure(run, FULL)
    with pytest.raises(RunError, match="could not start"):
        launch.start(run, ["/no/such/program"])
    assert type(failure(run, "sentence")) is RunError


def test_a_disk_that_is_full_besides_does_not_hide_why_a_run_failed(home, little_room):
    run = runs.create("train", {})
    note_failure(run, RunError("the loss is not finite."))
    with little_room(4096):
        fault = failure(run, f"{run.id} failed: {run.status['error']}")
    assert isinstance(fault, DiskFull)
    begins = f"{run.id} failed: the loss is not finite. And: could not write {run.path}: "
    assert str(fault).startswith(begins)


def test_the_kind_of_a_failure_goes_with_the_failure(home):
    """`docs/run-directory.md`: null for a failure of this run; a run that goes on has none."""
    run = runs.create("train", {})
    note_failure(run, FULL)
    assert run.status["error_kind"] == "DiskFull"
    run.set_status("running", error=None)
    assert "error_kind" not in run.status


def test_a_status_of_an_older_version_has_no_kind(home):
    run = runs.create("train", {})
    run.set_status("failed", error="it was so.")
    assert type(failure(run, "sentence")) is RunError


def test_a_process_that_had_no_room_for_a_word_has_met_a_full_disk(home, little_room):
    run = runs.create("train", {})
    run.set_status("running")
    with little_room(100):
        note_failure(run, FULL)
        assert run.status["state"] == "interrupted"
        fault = failure(run, "its process ended without a word")
    assert isinstance(fault, DiskFull)
    assert str(fault).startswith(f"could not write {run.path}: ")
    assert str(failure(run, "its process ended without a word")) == (
        "its process ended without a word"
    )
    assert not list(run.path.glob(".tmp-*"))
    shutil.rmtree(run.path)
    assert type(failure(run, "gone")) is RunError


def test_a_child_process_says_that_it_found_no_room(home, little_room):
    run = runs.create("train", {})
    module = home / "work.py"
    module.write_text(
        "import sys\nfrom pathlib import Path\nfrom curadiff.runs import Run\n"
        "from curadiff.runs.exit_status import exit_status\n"
        "def work():\n    Run(Path(sys.argv[1])).set_status('running', much='x' * 10_000)\n"
        "sys.exit(exit_status(work))\n"
    )
    with little_room(4096):
        child = launch.start(run, [sys.executable, "-P", str(module), str(run.path)])
    assert kind_of_status(child.wait(60)) == "DiskFull", (run.path / "output.log").read_text()
