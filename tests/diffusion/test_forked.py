"""Trainings that are forked from a process with their imports."""

from __future__ import annotations

import os
import time
from pathlib import Path

from curadiff.diffusion import jobs, start, train_here
from curadiff.runs import forking


def test_forked_trainings_give_the_same_bytes_and_start_at_once(prepared, weights):
    here = prepared("here")
    train_here(here)
    with forking.kept(jobs.IMPORTS["unet2d"]):
        short = prepared("short")
        assert start(short).wait(240) == 0, (short.path / "output.log").read_text()
        long = prepared("long", steps=100_000, checkpoint_every=100_000)
        child = start(long)
        seconds = cpu_seconds_to_the_first_step(long, child.pid)
        child.terminate()
        assert child.wait(60) == 0
    assert isinstance(child, forking.Forked)
    assert seconds < 2, "a training imports again what the server has imported"
    assert weights(short) == weights(here)
    assert long.status["state"] == "stopped"
    assert (long.path / "output.log").read_text() == ""


def cpu_seconds_to_the_first_step(run, pid):
    end = time.monotonic() + 90
    while run.status.get("images_seen", 0) == 0:
        assert time.monotonic() < end, run.status
        time.sleep(0.02)
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
