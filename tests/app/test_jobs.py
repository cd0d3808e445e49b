"""Jobs: long verbs in processes of their own, that can be watched, stopped and resumed."""

import os
import signal
import time

import pytest
from curadiff import runs
from curadiff.common.errors import CuradiffError, DataError, RunError, SettingsError
from curadiff.jobs import jobs
from curadiff.jobs.carry_out import ProgressMeter, carry_out
from curadiff.runs import forking, launch


def until(run, *states, seconds=90):
    end = time.monotonic() + seconds
    while (status := run.status)["state"] not in states:
        assert time.monotonic() < end, f"{status}; {(run.path / 'output.log').read_text()[-2000:]}"
        time.sleep(0.2)
    return status


def test_a_job_embeds_in_its_own_process_and_says_what_it_did(home, dataset):
    view = dataset[:25]
    run = jobs.start("embed", {"samples": view}, {"encoder": "builtin"})
    assert run.kind == "job"
    status = until(run, "finished", "failed")
    assert status["state"] == "finished"
    assert status["outcome"] == {"field": "builtin"}
    assert status["done"] == status["total"] == 25
    dataset.reload()
    assert dataset.count("builtin") == 25


@pytest.mark.skipif(not forking.POSSIBLE, reason="forks on Linux alone")
def test_a_forked_job_works_in_the_database_that_it_was_started_with(
    home, dataset, monkeypatch, tmp_path
):
    (tmp_path / "tell_what_is_imported.py").write_text(
        "import sys\nif 'fiftyone' in sys.modules:\n    print('FiftyOne is here')\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))  # of both: another one makes a process fresh
    with forking.kept(jobs.IMPORTS):
        with monkeypatch.context() as elsewhere:  # FiftyOne is imported for another database
            elsewhere.setenv("FIFTYONE_DATABASE_URI", "mongodb://127.0.0.1:1")
            elsewhere.setenv("FIFTYONE_DATABASE_NAME", "another")
            first = runs.create("job", {})
            launch.start(first, launch.command("tell_what_is_imported")).wait(60)
            assert (first.path / "output.log").read_text() == "FiftyOne is here\n"
        run = jobs.prepare("embed", {"samples": dataset[:5]}, {"encoder": "builtin"})
        child = jobs._start(run)
        assert isinstance(child, forking.Forked)
        assert child.wait(60) == 0, (run.path / "output.log").read_text()[-2000:]
    assert run.status["done"] == 5
    dataset.reload()
    assert dataset.count("builtin") == 5


def test_the_same_work_on_the_same_data_set_is_refused_while_it_runs(home, dataset):
    first = jobs.prepare("embed", {"samples": dataset}, {"encoder": "builtin"})
    with runs.Lease(first.path):
        first.set_status("running")
        with pytest.raises(RunError, match=r"does the same on .* wait for it, or stop it"):
            jobs.start("embed", {"samples": dataset}, {"encoder": "builtin"})
        jobs.prepare("study", {"source": dataset}, {})  # other work may run beside it


def test_the_same_work_is_told_by_the_data_set_and_not_by_its_name(home, dataset):
    name = dataset.name
    first = jobs.prepare("embed", {"samples": dataset}, {"encoder": "builtin"})
    with runs.Lease(first.path):
        first.set_status("running")
        dataset.name = "called otherwise"
        try:
            with pytest.raises(RunError, match="does the same on 'called otherwise'"):
                jobs.prepare("embed", {"samples": dataset}, {"encoder": "builtin"})
            other = dataset.clone(name, persistent=True)
            jobs.prepare("embed", {"samples": other}, {"encoder": "builtin"})
            other.delete()
        finally:
            dataset.name = name


def test_wrong_settings_are_refused_before_anything_is_made(home, dataset):
    with pytest.raises(SettingsError, match="batch_size must be >= 1, got 0"):
        jobs.start("embed", {"samples": dataset}, {"batch_size": 0})
    with pytest.raises(RunError, match="did you mean 'embed'"):
        jobs.start("embeds", {"samples": dataset}, {})
    assert runs.listing("job") == []


def test_a_job_that_fails_says_the_sentence(home, dataset):
    run = jobs.prepare("embed", {"samples": dataset}, {"encoder": "python:nowhere:nothing"})
    with pytest.raises(CuradiffError) as raised:
        carry_out(run)
    assert run.status["state"] == "failed"
    assert run.status["error"] == str(raised.value)


def test_a_job_whose_data_set_is_gone_says_so(home, dataset):
    import curadiff

    copied = curadiff.import_images(dataset, name="short-lived").dataset
    run = jobs.prepare("embed", {"samples": copied}, {"encoder": "builtin"})
    copied.delete()
    with pytest.raises(DataError, match="'short-lived' is gone"):
        carry_out(run)


def test_progress_is_written_twice_a_second_at_most(home, dataset, monkeypatch):
    run = jobs.prepare("embed", {"samples": dataset}, {})
    wrote = []
    monkeypatch.setattr(runs.Run, "set_status", lambda self, state, **values: wrote.append(values))
    meter = ProgressMeter(run, None)
    for done in range(200):
        meter(done, 1000)
    assert len(wrote) == 1
    later = time.monotonic() + 100
    monkeypatch.setattr(time, "monotonic", lambda: later)
    meter(500, 1000)
    assert 50 < wrote[-1]["eta_seconds"] < 150  # 500 took 100 s, 500 are left


@pytest.mark.slow
def test_a_job_is_stopped_and_killed_and_goes_on(home, dataset, tmp_path):
    """A slow encoder of the user's own gives time to stop it."""
    (tmp_path / "slow.py").write_text(
        "import time, torch\n"
        "class Slow(torch.nn.Module):\n"
        "    input_size = 8\n"
        "    def forward(self, x):\n"
        "        time.sleep(0.3)\n"
        "        return x.flatten(1)\n"
        "def load(weights):\n"
        "    return Slow()\n"
    )
    settings = {"encoder": f"python:{tmp_path / 'slow.py'}:load", "batch_size": 1}
    run = jobs.start("embed", {"samples": dataset}, settings)
    until(run, "running")
    jobs.stop(run)
    assert until(run, "stopped", "failed", "finished")["state"] == "stopped"

    jobs.resume(run)
    until(run, "running")
    os.kill(runs.lease.holder(run.path).pid, signal.SIGKILL)
    until(run, "interrupted", seconds=10)

    jobs.resume(run)
    assert until(run, "finished", "failed")["error"] is None
    with pytest.raises(RunError, match="has finished"):
        jobs.resume(run)
    with pytest.raises(RunError, match="is not running"):
        jobs.stop(run)
