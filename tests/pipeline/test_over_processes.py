"""``embed`` and ``evaluate`` by two processes: the values of one, also when one of them dies."""

from __future__ import annotations

import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from types import SimpleNamespace

import curadiff
import fiftyone as fo
import numpy as np
import pytest
from curadiff import encoders
from curadiff.common.errors import RunError
from curadiff.encoders.distributed import Ranks, embed_over_processes, embedding, planning
from curadiff.runs import caches

NETWORK = """
import os, pathlib, signal
import torch

class Small(torch.nn.Module):
    input_size = 24

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.conv = torch.nn.Conv2d(3, 24, 5, stride=2)
        self.line = torch.nn.Linear(24 * 100, 40)

    def forward(self, x):
        rank = os.environ.get("RANK")
        diary = os.environ.get("CURADIFF_TEST_DIARY")
        if rank is not None and diary and len(x) == 4:  # not the trial when it is loaded
            log = pathlib.Path(diary)
            with log.open("a") as file:
                file.write(rank)
            told = pathlib.Path(diary + ".killed")
            if rank == "1" and log.read_text().count("1") == 3 and not told.exists():
                told.touch()
                os.kill(os.getpid(), signal.SIGKILL)
        return self.line(torch.relu(self.conv(x)).flatten(1))

def load(weights):
    return Small()
"""
BATCH = 4


@pytest.fixture
def encoder(tmp_path, monkeypatch):
    (tmp_path / "small.py").write_text(NETWORK)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # of the processes, as of this one
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield "python:small.py:load"
    torch.set_num_threads(before)


def vectors(dataset, field):
    dataset.reload()
    return np.array(dataset.values(field), np.float32)


def test_two_processes_embed_like_one_though_one_dies(
    dataset, home, encoder, tmp_path, monkeypatch
):
    paths = dataset.values("filepath")
    shutil.copy(paths[3], tmp_path / "copy.png")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    added = [fo.Sample(str(tmp_path / f"{name}.png")) for name in ("copy", "broken")]
    dataset.add_samples(added, progress=False)
    options = {"encoder": encoder, "batch_size": BATCH, "progress": False}
    one = curadiff.embed(dataset, field="one", **options)
    encoders.cache.clear()
    diary = tmp_path / "diary"
    monkeypatch.setenv("CURADIFF_TEST_DIARY", str(diary))
    two = curadiff.embed(dataset, field="two", processes=2, **options)
    assert (two.done, two.kept, two.faults) == (one.done, one.kept, one.faults)
    assert len(two.faults) == 1
    good = [id for id, tags in zip(*dataset.values(["id", "tags"]), strict=True) if not tags]
    view = dataset.select(good, ordered=True)
    np.testing.assert_array_equal(vectors(view, "one"), vectors(view, "two"))
    assert (tmp_path / "diary.killed").exists()
    # Of ten batches with a picture, two make a unit: what is lost are the third batch of process 1,
    # in which it died, and what process 0 had begun.
    assert 10 < len(diary.read_text()) <= 10 + 1 + 2
    assert not list(caches.folder("embedding").glob("*"))
    assert list(encoders.cache.info().images.values()) == [41 - 1]  # remembered for the next time


@pytest.mark.slow
def test_two_processes_evaluate_like_one(photos, home, encoder, tmp_path):
    sides = [photos / "round", photos / "other"]
    options = {
        "encoder": encoder,
        "batch_size": BATCH,
        "train": photos / "other",
        "null_draws": 0,
        "bootstrap": 0,
        "progress": False,
    }
    one = curadiff.evaluate(*sides, **options)
    encoders.cache.clear()
    two = curadiff.evaluate(*sides, **options, processes=2)
    assert one.values == two.values
    assert sum(value is not None for value in two.values.values()) > 8
    assert set(one.generated) == set(two.generated)
    for name, values in one.generated.items():
        np.testing.assert_array_equal(values, two.generated[name])


@pytest.mark.slow
def test_work_that_was_left_is_gone_on_with(photos, home, encoder, monkeypatch):
    paths = sorted(str(path) for path in photos.rglob("*.png"))
    loaded = encoders.load(encoder, device="cpu")
    expected = loaded.embed(paths, batch_size=BATCH).features
    options = {"batch_size": BATCH, "purpose": "this"}
    first = embed_over_processes(loaded, paths, Ranks(2, device="cpu"), **options)
    with closing(first):
        rows, part = next(first)
        np.testing.assert_array_equal(part.features, expected[rows])
    (run,) = caches.folder("embedding").glob("*")
    assert (run / "units").exists()
    monkeypatch.setattr(planning, "plan", None)  # there is nothing to plan
    left = [path for row, path in enumerate(paths) if row not in rows]
    os.utime(left[0])  # changed, perhaps: computed here
    again = dict(
        pair
        for rows, part in embed_over_processes(loaded, left, Ranks(2, device="cpu"), **options)
        for pair in zip(rows, part.features, strict=True)
    )
    assert sorted(again) == list(range(len(left)))
    for row, path in enumerate(left[1:], 1):
        np.testing.assert_array_equal(again[row], expected[paths.index(path)])
    np.testing.assert_allclose(again[0], expected[paths.index(left[0])], atol=1e-5)


def test_processes_that_only_fail_are_not_started_for_ever(photos, home, encoder, tmp_path):
    paths = [str(path) for path in photos.rglob("*.png")][:4]
    loaded = encoders.load(encoder, device="cpu")
    source = tmp_path / "small.py"
    source.write_text(source.read_text().replace("manual_seed(0)", "manual_seed(1)"))
    with pytest.raises(RunError, match=r"have ended without their work: the encoder here is"):
        list(embed_over_processes(loaded, paths, Ranks(2, device="cpu"), batch_size=BATCH))


def test_the_same_work_is_done_by_one_caller_at_a_time(home, monkeypatch):
    encoder = SimpleNamespace(name="small", dtype="float32", size=None, key="small")
    inside, most = [], []

    def embed_in(run, *_, **__):
        inside.append(run)
        most.append(len(inside))
        time.sleep(0.2)
        yield [0], None
        inside.remove(run)

    monkeypatch.setattr(embedding, "_embed_in", embed_in)

    def call(batch_size):
        return list(embed_over_processes(encoder, ["a.png"], Ranks(2), batch_size=batch_size))

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(call, [4, 4])) == [[([0], None)]] * 2
    assert most == [1, 1]
