"""Several processes, and what is left when one of them dies."""

import os
import signal
import time
from pathlib import Path

import pytest
import torch
from curadiff.common.errors import EnvironmentFault, RunError, SettingsError
from curadiff.diffusion import start, stop, train_here
from curadiff.diffusion.train import checkpoint, loop, progress
from safetensors.torch import load_file

# Two channels per normalized group: with one, biases before it have no gradient but
# rounding, which Adam blows up to a full step.
COMMON = {"multipliers": "1-2", "learning_rate": 1e-5, "grid_every": 1000}
QUICK = {**COMMON, "network": "lucidrains", "layers": 2}  # imports no diffusers
ENDLESS = {**COMMON, "steps": 100_000, "checkpoint_every": 100_000}


def ranks(run):
    """Processes that work on a run: their command line names its directory."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().decode().split("\0")
        except OSError:
            continue
        if str(run.path) in words:
            found.append(int(folder.name))
    return found


def until(true, seconds=90):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.1)


def begun(run):
    return lambda: run.status.get("images_seen", 0) > 0


def test_two_processes_train_like_one(prepared):
    one = prepared("one", **QUICK)
    two = prepared("two", **QUICK, processes=2)
    train_here(one)
    assert start(two).wait(240) == 0, (two.path / "output.log").read_text()
    assert two.status["processes"] == 2
    assert two.log()[-1]["loss"] == pytest.approx(one.log()[-1]["loss"], abs=1e-6)
    for name in ("model", "ema"):
        a, b = (
            load_file(checkpoint.path_of(run.path, 6) / f"{name}.safetensors") for run in (one, two)
        )
        for key in a:
            torch.testing.assert_close(a[key], b[key], atol=1e-6, rtol=0)


@pytest.mark.slow
def test_two_processes_log_every_two_seconds_not_at_every_step(prepared):
    # Only the first process's clock is set back by an entry: the others must not ask for more.
    run = prepared("one", **ENDLESS, processes=2)
    launcher = start(run)
    try:
        until(begun(run))
        until(lambda: run.log()[-1]["time"] - run.log()[0]["time"] > 3 * progress.SECONDS)
        stop(run)
        assert launcher.wait(30) == 0
    finally:
        for pid in ranks(run):
            os.kill(pid, signal.SIGKILL)
    times = [entry["time"] for entry in run.log()]
    steps = run.log()[-1]["step"]
    assert steps > 20
    assert len(times) <= (times[-1] - times[0]) / progress.SECONDS + 3  # the first, the last


def test_only_the_process_that_writes_asks_for_an_entry(prepared):
    training = loop.Training.__new__(loop.Training)
    training.step, training.progress = (
        7,
        progress.Progress(prepared("one"), step=0, steps=9, batch_size=4),
    )
    training.progress.time_before -= progress.SECONDS
    for main in (True, False):
        training.main = main
        assert training._log_is_due() is main


@pytest.mark.slow
@pytest.mark.parametrize("which", ["launcher", "rank"])
def test_when_one_process_is_killed_none_stays_behind(prepared, which):
    run = prepared("one", **ENDLESS, processes=2)
    launcher = start(run)
    try:
        until(begun(run))
        alive = [pid for pid in ranks(run) if pid != launcher.pid]
        assert len(alive) == 2
        os.kill(launcher.pid if which == "launcher" else max(alive), signal.SIGKILL)
        launcher.wait(20)
        until(lambda: not ranks(run), 10)
    finally:
        for pid in ranks(run):
            os.kill(pid, signal.SIGKILL)
    # A process that ends has no command line any more a moment before it gives its lease up.
    until(lambda: run.status["state"] in ("interrupted", "failed"), 10)


@pytest.mark.slow
def test_two_processes_stop_together_with_a_checkpoint(prepared):
    run = prepared("one", **ENDLESS, processes=2)
    launcher = start(run)
    try:
        until(begun(run))
        stop(run)
        assert launcher.wait(30) == 0
    finally:
        for pid in ranks(run):
            os.kill(pid, signal.SIGKILL)
    assert run.status["state"] == "stopped"
    assert checkpoint.saved_steps(run.path) == [run.status["step"]]


@pytest.mark.slow
def test_two_trainings_at_once_do_not_meet(prepared, weights):
    a, b = prepared("a", processes=2, **COMMON), prepared("b", processes=2, **COMMON)
    both = [start(a), start(b)]
    assert [process.wait(180) for process in both] == [0, 0]
    assert weights(a) == weights(b)


@pytest.mark.parametrize(
    ("given", "gpus", "shares"),
    [
        ({}, 0, [{"OMP_NUM_THREADS": "4"}] * 2),
        ({"OMP_NUM_THREADS": "1"}, 1, [{}] * 2),
        (
            {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "3,5"},
            2,
            [{"CUDA_VISIBLE_DEVICES": "3"}, {"CUDA_VISIBLE_DEVICES": "5"}],
        ),
        (
            {"OMP_NUM_THREADS": "1"},
            4,
            [{"CUDA_VISIBLE_DEVICES": "0"}, {"CUDA_VISIBLE_DEVICES": "1"}],
        ),
    ],
)
def test_trainings_side_by_side_share_cores_and_gpus(tiny, monkeypatch, given, gpus, shares):
    from curadiff.diffusion import jobs

    for name in ("OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(jobs.os, "cpu_count", lambda: 8)
    monkeypatch.setattr(jobs, "_gpus", lambda: gpus)
    assert [jobs._share(tiny(), slot, 2) for slot in (0, 1)] == shares
    assert jobs._share(tiny(), 0, 1) == {}
    assert "CUDA_VISIBLE_DEVICES" not in jobs._share(tiny(processes=2), 0, 2)


def test_accelerate_flags_pass_through(prepared, tmp_path):
    config = tmp_path / "accelerate.yaml"
    config.write_text("compute_environment: LOCAL_MACHINE\nuse_cpu: true\ndistributed_type: 'NO'\n")
    run = prepared(
        "one",
        **QUICK,
        device="auto",
        mixed_precision="auto",
        accelerate=f"--config_file {config} --mixed_precision bf16",
    )
    assert start(run).wait(240) == 0, (run.path / "output.log").read_text()
    assert (run.status["device"], run.status["precision"]) == ("cpu", "bf16")


@pytest.mark.slow
def test_processes_that_accelerate_did_not_start_are_missed(prepared):
    run = prepared("one", accelerate="--cpu --num_processes 2")
    assert start(run).wait(240) != 0
    assert (
        "2 processes were asked for and 1 started; without GPUs give processes=2"
        in (run.status["error"])
    )
    with pytest.raises(EnvironmentFault, match="2 processes were asked for"):
        train_here(prepared("two", processes=2))


def test_a_batch_that_cannot_be_shared_is_refused(tiny):
    from curadiff.diffusion.train.engine import check_processes

    with pytest.raises(SettingsError, match="accumulate x processes = 3, got 4"):
        check_processes(3, tiny(accelerate="--num_processes=3"))
    with pytest.raises(SettingsError, match="accumulate x processes = 3, got 4"):
        tiny(processes=3)


@pytest.mark.slow
def test_a_clusters_ranks_do_not_reach_a_single_training(prepared, monkeypatch):
    """With them it waited for 7 others at an address where nobody is, and died with its caller."""
    for name, value in {
        "RANK": "3",
        "LOCAL_RANK": "3",
        "WORLD_SIZE": "8",
        "MASTER_ADDR": "10.255.255.1",
        "MASTER_PORT": "29500",
    }.items():
        monkeypatch.setenv(name, value)
    run = prepared("one")
    assert start(run).wait(240) == 0, (run.path / "output.log").read_text()
    assert run.status["state"] == "finished"


@pytest.mark.slow
def test_a_single_training_outlives_its_parent(prepared):
    run = prepared("one", **ENDLESS)
    pid = os.fork()
    if pid == 0:
        start(run)
        os._exit(0)
    os.waitpid(pid, 0)
    try:
        until(begun(run))
        with pytest.raises(RunError, match="is being trained already"):
            start(run)
        stop(run)
        until(lambda: run.status["state"] == "stopped", 30)
    finally:
        for left in ranks(run):
            os.kill(left, signal.SIGKILL)
