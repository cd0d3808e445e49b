"""Trainings that are forked from a process with their imports."""

from __future__ import annotations

import os
import shutil
import socket
import time
from pathlib import Path

import torch
from curadiff import runs
from curadiff.diffusion import jobs, start, train_here
from curadiff.diffusion.train import checkpoint
from curadiff.runs import environment, forking, launch
from safetensors.torch import load_file

RANK = """
import os, pathlib, sys
from curadiff import runs
from curadiff.diffusion import train_here

folder, rank, port = sys.argv[1:]
os.environ |= {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": "2"}
os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
train_here(runs.Run(pathlib.Path(folder)))
"""
STEADY = {"multipliers": "1-2", "learning_rate": 1e-5, "grid_every": 1000}  # see test_processes


def test_forked_trainings_are_like_those_of_one_process_and_start_at_once(
    prepared, weights, tmp_path, monkeypatch
):
    (tmp_path / "rank_of_training.py").write_text(RANK)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    here = prepared("here", **STEADY)
    train_here(here)
    with forking.kept(jobs.IMPORTS["unet2d"]):
        short = prepared("short", **STEADY)
        assert start(short).wait(240) == 0, (short.path / "output.log").read_text()
        long = prepared("long", steps=100_000, checkpoint_every=100_000)
        child = start(long)
        seconds = cpu_seconds_to_the_first_step(long, child.pid)
        child.terminate()
        assert child.wait(60) == 0
        pair = prepared("pair", **STEADY, processes=2)
        train_in_two(pair)
        whole, kept = weights(pair), checkpoint.path_of(pair.path, 3).stat().st_ino
        shutil.rmtree(checkpoint.path_of(pair.path, 6))  # as if they had been killed before it
        train_in_two(pair)
    assert isinstance(child, forking.Forked)
    assert seconds < 2, "a training imports again what the server has imported"
    assert weights(short) == weights(here)
    assert long.status["state"] == "stopped"
    assert (long.path / "output.log").read_text() == ""
    assert pair.status["processes"] == 2
    assert weights(pair) == whole
    assert checkpoint.path_of(pair.path, 3).stat().st_ino == kept, "it did not go on from there"
    for name in ("model", "ema"):
        one, two = (
            load_file(checkpoint.path_of(run.path, 6) / f"{name}.safetensors")
            for run in (here, pair)
        )
        for key in one:
            torch.testing.assert_close(one[key], two[key], atol=1e-6, rtol=0)


def train_in_two(run: runs.Run) -> None:
    """Train in two forked processes, with what torchrun would tell them."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = forking.server()
    assert server is not None
    ranks = []
    with (run.path / "output.log").open("ab") as output:
        for rank in "01":
            words = launch.command("rank_of_training", str(run.path), rank, str(port))
            whole = {**launch.CALM, **environment.of_child(), "PYTHONUNBUFFERED": "1"}
            forked = server.start(words, cwd=run.path, env=whole, output=output.fileno())
            assert forked is not None
            ranks.append(forked)
    assert [rank.wait(60) for rank in ranks] == [0, 0], (run.path / "output.log").read_text()


def cpu_seconds_to_the_first_step(run, pid):
    end = time.monotonic() + 90
    while run.status.get("images_seen", 0) == 0:
        assert time.monotonic() < end, run.status
        time.sleep(0.02)
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
