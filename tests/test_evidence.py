"""The commands behind docs/evidence at toy size; their figures are nobody's business here."""

import importlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

EVIDENCE = Path(__file__).parents[1] / "benchmarks" / "evidence"


@pytest.fixture
def module(monkeypatch):
    def load(name):
        monkeypatch.syspath_prepend(str(EVIDENCE))
        return importlib.import_module(name)

    before = set(sys.modules)
    yield load
    for name in set(sys.modules) - before:
        if str(EVIDENCE) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def test_the_most_important_trainings_come_first_and_each_in_its_order(module):
    matrix = module("training_matrix")
    jobs = matrix.all_jobs(["full", "kmeans"], (10, 20))
    names = [job.name for job in jobs]
    assert names == [
        "full/0/10",
        "kmeans/0/10",
        "full/1/10",
        "kmeans/1/10",
        "full/0/20",
        "full/1/20",
    ]
    first = set(jobs[:4])
    assert matrix.next_job(jobs, set(), {jobs[0]}) == jobs[1]
    # full/0/20 goes on with the run of full/0/10, which another process still trains
    assert matrix.next_job(jobs, first - {jobs[0]}, {jobs[0]}) == jobs[5]
    assert matrix.next_job(jobs, set(jobs), set()) is None


def test_drawings_outlive_an_interruption(module, tmp_path):
    matrix = module("training_matrix")
    jobs = matrix.all_jobs(["kmeans"], (10,))
    book = matrix.Book(tmp_path, tmp_path, jobs)
    drawn = np.full((2, 32, 32), 7, np.uint8)
    book.enter(jobs[0], {"drawn": drawn, "loss": 0.5})
    book.enter(jobs[1], {"error": "no such luck"})
    again = matrix.Book(tmp_path, tmp_path, jobs)
    assert again.done == {jobs[0]}
    again.write(final=True)
    with np.load(tmp_path / "drawings-0.npz") as file:
        assert (file["kmeans/0/10"] == drawn).all()
    record = json.loads((tmp_path / "trainings.json").read_text())
    assert record["trainings"] == {"kmeans/0/10": {"loss": 0.5}}


@pytest.mark.slow
def test_the_trainings_are_rehearsed(module, tmp_path):
    files = module("arms")
    pool = np.random.default_rng(0).integers(0, 256, (20, 32, 32), dtype=np.uint8)
    arms = tmp_path / "arms.npz"
    files.write_npz(arms, pool=pool, **{"rows/random-0": np.arange(10)})
    out = tmp_path / "out"
    words = ["train", str(arms), str(out), "--toy", "--images", "16", "32", "--parallel", "2"]
    command = [sys.executable, str(EVIDENCE), *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, done.stderr
    record = json.loads((out / "trainings.json").read_text())
    assert record["not_done"] == {}
    assert record["trainings"]["random-0/1/32"]["exposures"] == 3.2
    assert "fiftyone" not in record["trainings"]["random-0/1/32"]["packages"].split()
    with np.load(out / "drawings-0.npz") as file:
        assert len(file.files) == 4
        assert file["random-0/1/32"].shape == (8, 32, 32)
