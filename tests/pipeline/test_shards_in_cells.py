"""``select`` from more shards than one pass takes: in cells, and again after it was stopped."""

from __future__ import annotations

import errno
import os
import shutil
from types import SimpleNamespace

import curadiff
import numpy as np
import pytest
from curadiff.cli import main
from curadiff.common.errors import DataError, RunError, SettingsError
from curadiff.common.files import read_json
from curadiff.common.shards import ShardSet, files_of
from curadiff.datasets.names import ids_hash
from curadiff.runs import Busy, Lease
from curadiff.selectors.distributed import in_cells
from curadiff.workflows.over_shards import selecting
from curadiff.workflows.over_shards.in_cells import discard_cells

pytest.importorskip("pyarrow")
from .elsewhere import write_elsewhere


def test_a_pool_that_is_too_large_for_one_pass_is_selected_from_in_cells(
    home, paths, x, tmp_path, monkeypatch, capsys
):
    shards = write_elsewhere(tmp_path / "pool", paths, x, group=["a"] * len(paths))
    options = {"budget": 5, "seed": 2}
    exact = {
        method: curadiff.select(shards, to_shards=str(tmp_path / method), method=method, **options)
        for method in ("random", "coreset", "typicality")
    }
    monkeypatch.setattr("curadiff.workflows.over_shards.selecting.MOST", 30)
    monkeypatch.setattr("curadiff.workflows.over_shards.in_cells.BLOCK", 16)
    for method, one_pass in exact.items():
        picks = str(tmp_path / f"{method}-in-cells")
        chosen = curadiff.select(shards, to_shards=picks, method=method, **options)
        assert chosen.ids == one_pass.ids  # of one cell
        records = [read_json(f"{one.folder}/selection.json") for one in (chosen, one_pass)]
        assert [record["pool_hash"] for record in records] == [ids_hash(paths)] * 2
        assert not chosen.repeated
        assert curadiff.select(shards, to_shards=picks, method=method, **options).repeated
        theirs, ours = (ShardSet(files_of(one.folder)) for one in (one_pass, chosen))
        np.testing.assert_array_equal(ours.embeddings(), theirs.embeddings())
        assert [ours.values(n) for n in ours.names[:3]] == [
            theirs.values(n) for n in ours.names[:3]
        ]
    words = ["--method", "coreset", "--budget", "4", "--to-shards", str(tmp_path / "shown")]
    assert main(["select", str(shards), *words]) == 0
    out = capsys.readouterr().out
    assert "in 1 cell: no row that may be chosen is farther than" in out
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
    for settings, message in (
        ({"method": "kmeans"}, "by coreset, typicality or random, and not by kmeans"),
        ({"group_field": "group", "quotas": "balanced"}, "in cells without group_field"),
        ({"budget": 41, "method": "random"}, "budget must be <= 40"),
    ):
        with pytest.raises(SettingsError, match=message):
            curadiff.select(shards, to_shards=str(tmp_path / "no"), **{**options, **settings})
    twice = write_elsewhere(tmp_path / "twice", [paths[0], *paths[:-1]], x)
    with pytest.raises(DataError, match="several rows have the id"):
        curadiff.select(twice, budget=3, to_shards=str(tmp_path / "no"))
    monkeypatch.setattr("shutil.disk_usage", lambda folder: SimpleNamespace(free=10))
    with pytest.raises(DataError, match=r"0\.0 GB of free space, and cells of these shards take"):
        curadiff.select(shards, to_shards=str(tmp_path / "no"), method="coreset", **options)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("most", [30, 100])  # in cells, and all rows at once
def test_an_embedding_of_zeros_is_refused_by_its_id(paths, x, tmp_path, monkeypatch, most):
    monkeypatch.setattr("curadiff.workflows.over_shards.selecting.MOST", most)
    monkeypatch.setattr("curadiff.workflows.over_shards.in_cells.BLOCK", 16)
    x[37] = 0
    shards = write_elsewhere(tmp_path / "pool", paths, x, [f"n{row}" for row in range(40)])
    for method in ("coreset", "typicality", "random"):
        with pytest.raises(DataError, match="the embedding of 'n37' has only zeros"):
            curadiff.select(shards, budget=3, method=method, to_shards=str(tmp_path / "picks"))


@pytest.mark.parametrize("method", ["coreset", "typicality"])
def test_a_selection_in_cells_that_was_stopped_goes_on(
    home, paths, x, tmp_path, monkeypatch, method
):
    monkeypatch.setattr("curadiff.workflows.over_shards.selecting.MOST", 30)
    monkeypatch.setattr("curadiff.workflows.over_shards.in_cells.BLOCK", 16)
    monkeypatch.setitem(in_cells.select_in_cells.__kwdefaults__, "most", 12)
    shards = write_elsewhere(tmp_path / "pool", paths, x)
    options = {"budget": 5, "method": method}
    plain = curadiff.select(shards, to_shards=str(tmp_path / "plain"), **options)
    real, chosen = in_cells.first_round, []

    def stopped(*args):
        chosen.append(args[0].path.name)
        if len(chosen) == 2:
            raise KeyboardInterrupt
        return real(*args)

    picks, kept = str(tmp_path / "picks"), tmp_path / ".picks.cells"
    monkeypatch.setattr(in_cells, "first_round", stopped)
    with pytest.raises(KeyboardInterrupt):
        curadiff.select(shards, to_shards=picks, **options)
    assert len(list(kept.glob("cells/cell-*.npz"))) == 1
    with Lease(kept), pytest.raises(Busy):
        curadiff.select(shards, to_shards=picks, **options)
    again = curadiff.select(shards, to_shards=picks, **options)
    cells = read_json(again.folder / "selection.json")["cells"]
    assert len(chosen) == 2 + cells - 1 > 3
    assert chosen[2] == chosen[1]
    assert (again.ids, again.repeated) == (plain.ids, False)
    records = [read_json(one.folder / "selection.json") for one in (plain, again)]
    assert records[0]["bound"] == records[1]["bound"]
    assert not kept.exists()
    kept.mkdir()  # of a process that died after the picks were written
    assert curadiff.select(shards, to_shards=picks, **options).repeated
    assert not kept.exists()


@pytest.fixture
def select(home, paths, x, tmp_path, monkeypatch):
    """Select from 40 rows in cells of 12."""
    monkeypatch.setattr("curadiff.workflows.over_shards.selecting.MOST", 30)
    monkeypatch.setattr("curadiff.workflows.over_shards.in_cells.BLOCK", 16)
    monkeypatch.setitem(in_cells.select_in_cells.__kwdefaults__, "most", 12)
    shards = write_elsewhere(tmp_path / "pool", paths, x)

    def select(**options):
        options = {"budget": 5, "method": "coreset", **options}
        return curadiff.select(shards, to_shards=str(tmp_path / "picks"), **options)

    return select


def fails(fault):
    def fail(*args, **options):
        raise fault

    return fail


def test_whoever_begins_while_cells_are_deleted_keeps_its_own(tmp_path, monkeypatch):
    kept = tmp_path / ".picks.cells"
    (kept / "cells").mkdir(parents=True)
    (kept / "cells" / "old.x").touch()
    unlink, begun = os.unlink, []

    def begin(path, *args, **options):
        unlink(path, *args, **options)
        if str(path).endswith("lease") and not begun:  # another process comes in here
            begun.append(Lease(kept).__enter__())
            (kept / "cells").mkdir(exist_ok=True)
            (kept / "cells" / "new.x").touch()

    monkeypatch.setattr(os, "unlink", begin)
    monkeypatch.setattr("pathlib.Path.unlink", lambda path, missing_ok=False: begin(path))
    real = os.scandir

    class LeaseFirst(list):
        def __enter__(self):
            return iter(self)

        def __exit__(self, *fault):
            pass

    monkeypatch.setattr(
        os, "scandir", lambda at: LeaseFirst(sorted(real(at), key=lambda e: e.name != "lease"))
    )
    discard_cells(tmp_path / "picks")
    assert begun
    assert [path.name for path in (kept / "cells").iterdir()] == ["new.x"]
    begun[0].__exit__(None, None, None)


@pytest.mark.parametrize("pool", ["in cells", "in memory"])
def test_a_full_disk_keeps_the_former_picks_and_is_a_sentence(select, tmp_path, monkeypatch, pool):
    if pool == "in memory":
        monkeypatch.setattr("curadiff.workflows.over_shards.selecting.MOST", 100)
    former = select(method="random").ids
    with monkeypatch.context() as patch:
        fault = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        patch.setattr("pyarrow.parquet.write_table", fails(fault))
        with pytest.raises(RunError, match=rf"could not write {tmp_path}/picks: No space left on"):
            select(overwrite=True)
    assert select(method="random").repeated
    assert bool(list(tmp_path.glob(".picks.cells/cells/*.x"))) is False  # of a finished selection
    assert select(overwrite=True).ids != former
    monkeypatch.setattr("shutil.disk_usage", lambda folder: SimpleNamespace(free=10))
    with pytest.raises(DataError, match=r"GB of free space, and (the chosen rows|cells of these)"):
        select(budget=6, overwrite=True)


@pytest.mark.parametrize("pool", ["in cells", "in memory"])
def test_of_two_at_once_into_one_folder_the_second_is_told(select, tmp_path, monkeypatch, pool):
    if pool == "in memory":
        monkeypatch.setattr("curadiff.workflows.over_shards.selecting.MOST", 100)
    real, second = selecting._write, []

    def meanwhile(*args):
        for options in ({}, {"budget": 6}):
            with pytest.raises(Busy, match=rf"another process selects into {tmp_path}/picks; wait"):
                select(**options)
            second.append(options)
        return real(*args)

    monkeypatch.setattr(selecting, "_write", meanwhile)
    first = select()
    assert len(second) == 2
    with pytest.raises(DataError, match=r"holds another selection \(5 rows by coreset\)"):
        select(budget=6)
    looked, earlier = [], selecting._earlier

    def look(*args):  # the other process is there after the first look
        looked.append(args)
        return None if len(looked) == 1 else earlier(*args)

    monkeypatch.setattr(selecting, "_earlier", look)
    with pytest.raises(DataError, match="holds another selection"):
        select(budget=6)
    looked.clear()
    again = select()
    assert (again.repeated, again.ids) == (True, first.ids)


def test_files_of_others_beside_a_selection_are_not_overwritten(select, tmp_path):
    select()
    notes = tmp_path / "picks" / "notes.txt"
    notes.write_text("mine")
    with pytest.raises(DataError, match=r"holds other files beside its selection \(notes.txt\)"):
        select(budget=6, overwrite=True)
    assert notes.read_text() == "mine"
    assert select().repeated
    notes.unlink()
    assert len(select(budget=6, overwrite=True).ids) == 6


@pytest.mark.parametrize("where", ["picks", "cells"])
def test_what_was_done_is_kept_when_data_or_the_disk_fail(select, tmp_path, monkeypatch, where):
    kept = tmp_path / ".picks.cells"
    with monkeypatch.context() as patch:
        if where == "picks":
            fault = DataError("the share is away")
            patch.setattr("curadiff.workflows.over_shards.selecting.write_shard", fails(fault))
            expected = pytest.raises(DataError, match="the share is away")
        else:
            fault = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            patch.setattr(in_cells.Kept, "store", fails(fault))
            expected = pytest.raises(
                RunError, match=rf"{kept}: No space left.* free some space .* or delete that folder"
            )
        with expected:
            select()
    assert list(kept.glob("cells/*.x"))
    assert not select().repeated
    assert not kept.exists()


@pytest.mark.parametrize("later", ["random", "all at once"])
def test_any_selection_that_is_written_deletes_cells_of_an_earlier_one(
    select, tmp_path, monkeypatch, later
):
    kept = tmp_path / ".picks.cells"
    with monkeypatch.context() as patch:
        patch.setattr(in_cells, "first_round", fails(KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            select()
    assert list(kept.glob("cells/*.x"))
    if later == "all at once":
        monkeypatch.setattr("curadiff.workflows.over_shards.selecting.MOST", 100)
    select(method="random" if later == "random" else "coreset")
    assert not kept.exists()


def test_room_is_looked_for_while_the_folder_is_held(select, tmp_path, monkeypatch):
    kept, real = tmp_path / ".picks.cells", shutil.disk_usage

    def usage(folder):
        with pytest.raises(Busy):
            Lease(kept).__enter__()
        return real(folder)

    monkeypatch.setattr("shutil.disk_usage", usage)
    select()
    assert not kept.exists()
