"""A selection in cells that is killed anywhere goes on, and chooses what it would have chosen."""

from __future__ import annotations

import os
from functools import partial

import numpy as np
import pytest
from curadiff.common.files import read_json, write_json
from curadiff.selectors.distributed import cells, in_cells
from curadiff.selectors.distributed.in_cells import select_in_cells

N, MOST = 500, 120


@pytest.fixture
def pool(clusters, monkeypatch):
    monkeypatch.setattr(cells, "BLOCK", 128)
    monkeypatch.setattr(cells, "BRANCHES", 3)  # levels below one another
    monkeypatch.setattr(cells, "SAMPLED", 20)
    return clusters(n=N, d=16)[0]


@pytest.fixture
def choose(pool, tmp_path):
    def choose(**options):
        (tmp_path / "cells").mkdir(exist_ok=True)
        return select_in_cells(
            pool,
            20,
            rank=np.random.default_rng(0).permutation(N),
            folder=tmp_path / "cells",
            most=MOST,
            **{"device": "cpu", "method": "typicality", "key": "these rows", **options},
        )

    return choose


def watched(monkeypatch, at=None):
    """Count blocks of rows, choices and files as they are made; at that number, die."""
    counted = []

    def count(module, name):
        real = getattr(module, name)

        def step(*args, **options):
            counted.append(name)
            if len(counted) == at:
                os._exit(9)
            return real(*args, **options)

        monkeypatch.setattr(module, name, step)

    count(cells, "unit_rows")  # a block that is labelled or written
    count(in_cells, "first_round")
    count(in_cells.Kept, "note")
    count(in_cells.Kept, "store")
    return counted


def killed(monkeypatch, choose, at):
    child = os.fork()
    if child == 0:
        try:
            watched(monkeypatch, at)
            choose()
        finally:
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


def same(one, other):
    assert one.indices.tolist() == other.indices.tolist()
    assert one.scores.tolist() == other.scores.tolist()
    assert (one.bound, one.flagged, one.cells) == (other.bound, other.flagged, other.cells)
    assert one.settings == other.settings


def test_what_is_killed_goes_on_and_nothing_is_chosen_twice(choose, tmp_path, monkeypatch):
    plain = choose(key=None)
    assert not list((tmp_path / "cells").iterdir())
    with monkeypatch.context() as patch:
        steps = watched(patch)
        same(choose(), plain)
    (tmp_path / "cells").rename(tmp_path / "whole")
    notes, stores = ([at for at, s in enumerate(steps, 1) if s == w] for w in ("note", "store"))
    assert len(notes) > 1  # levels
    assert len(stores) == plain.cells + 1  # and the radius
    # in the first level, in the second, after it; in the second cell, and in the last one
    for at in (3, notes[0] + 2, notes[-1] + 1, stores[2], stores[-1]):
        killed(monkeypatch, choose, at)
        with monkeypatch.context() as patch:
            again = watched(patch)
            same(choose(), plain)
        before = steps[: at - 1]
        done = max(0, before.count("store") - 1)  # one is of the radius
        assert again.count("first_round") == plain.cells - done
        noted = before.count("note")
        assert again.count("note") == steps.count("note") - noted
        left = {path.name for path in (tmp_path / "cells").iterdir()}
        assert left == {path.name for path in (tmp_path / "whole").iterdir()}
        for path in (tmp_path / "cells").iterdir():
            path.unlink()


def test_other_rows_or_settings_begin_anew_and_damage_is_not_used(choose, tmp_path, monkeypatch):
    choose = partial(choose, method="coreset")
    first = choose()
    steps = watched(monkeypatch)
    same(choose(), first)
    assert steps == []
    choices = sorted((tmp_path / "cells").glob("cell-*.npz"))
    choices[0].write_bytes(choices[0].read_bytes()[:-40])
    same(choose(), first)
    assert steps == ["first_round", "store"]
    steps.clear()
    whole = next((tmp_path / "cells").glob("cell-*.x"))
    whole.write_bytes(whole.read_bytes()[:-4])
    same(choose(), first)
    assert steps.count("first_round") == first.cells
    for options in ({"key": "other rows"}, {"seed": 1}):
        steps.clear()
        choose(**options)
        assert "note" in steps
        assert "first_round" in steps


def test_what_is_kept_and_is_damaged_is_done_again(choose, tmp_path, monkeypatch):
    first = choose()
    notes, folder = tmp_path / "cells" / "done.json", tmp_path / "cells"
    key = read_json(notes)["key"]
    steps = watched(monkeypatch)
    for name in (next(folder.glob("cell-*.npz")).name, "options.npz"):
        content = (folder / name).read_bytes()
        for damage in ("empty", "cut", "one array", "missing"):
            with (folder / name).open("wb") as file:
                if damage == "cut":
                    file.write(content[: len(content) // 2])
                elif damage == "one array":
                    np.save(file, np.ones(3))
                elif damage == "missing":
                    np.savez(file, unit=np.ones(3))
            steps.clear()
            same(choose(), first)
            assert steps.count("store") == 1, (name, damage)
    for other in ([1], 5, *({"key": key, "waiting": w, "divided": []} for w in (5, [["a"]], None))):
        write_json(notes, other)
        steps.clear()
        same(choose(), first)
        assert steps.count("first_round") == first.cells


def test_the_device_that_is_used_decides_and_not_its_word(choose, monkeypatch):
    monkeypatch.setenv("ACCELERATE_USE_CPU", "1")
    first = choose(device="cpu")
    steps = watched(monkeypatch)
    same(choose(device="auto"), first)
    assert steps == []
    monkeypatch.setattr(in_cells, "choose_device", lambda *_, **__: "cuda:0")  # a GPU came
    choose(device="cpu")
    assert steps.count("first_round") == first.cells
