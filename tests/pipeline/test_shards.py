"""Shards in every verb: what another system wrote is selected from, evaluated and imported."""

from __future__ import annotations

import os

import curadiff
import fiftyone as fo
import numpy as np
import pytest
from curadiff import encoders, metrics
from curadiff.cli import main
from curadiff.common.errors import DataError, SettingsError
from curadiff.common.images import content_hash
from curadiff.common.shards import ShardSet, files_of, write_shard
from curadiff.config import EmbedSettings
from curadiff.datasets.reading import Samples
from curadiff.runs import Busy, Lease
from curadiff.workflows.over_shards import sources
from curadiff.workflows.over_shards.embedding import Written, embed_to_shards
from curadiff.workflows.over_shards.taking import vectors_from

from ..conftest import draw

pa = pytest.importorskip("pyarrow")
import pyarrow.parquet as pq  # noqa: E402

from .elsewhere import write_elsewhere  # noqa: E402


def test_picks_from_shards_are_those_from_fiftyone(dataset, home, paths, x, tmp_path):
    group = [path.split("/")[-2] for path in paths]
    ids = ["/".join(path.split("/")[-2:]) for path in paths]  # as the import names them
    shards = write_elsewhere(tmp_path / "pool", paths, x, ids, group=group)
    dataset.set_values("x", dict(zip(paths, x, strict=True)), key_field="filepath")
    dataset.set_values("group", dict(zip(paths, group, strict=True)), key_field="filepath")
    for number, options in enumerate(
        (
            {"method": "typicality", "budget": 9},
            {"method": "coreset", "budget": 9, "group_field": "group", "quotas": "balanced"},
            {"method": "random", "budget": 9, "seed": 3},
        )
    ):
        picks = tmp_path / f"picks-{number}"
        theirs = curadiff.select(shards, to_shards=str(picks), **options)
        ours = curadiff.select(dataset, field="x", **options)
        assert theirs.ids == ours.view.values("source_id")
        table = ShardSet(files_of(picks))
        assert table.values("id") == theirs.ids
        assert table.encoder == "theirs"
        assert table.values("rank") == list(range(9))
        at = [ids.index(id) for id in theirs.ids]
        assert table.values("group") == [group[row] for row in at]
        assert table.values("sha256") == [content_hash(paths[row]) for row in at]
        np.testing.assert_array_equal(table.embeddings(), x[at])
        assert curadiff.select(shards, to_shards=str(picks), **options).repeated


def test_what_shards_do_not_have_is_refused(home, paths, x, tmp_path, capsys):
    shards = write_elsewhere(tmp_path / "pool", paths, x)
    picks = tmp_path / "picks"
    words = ["select", str(shards), "--budget", "3", "--to-shards", str(picks)]
    assert main(words) == 0
    out = capsys.readouterr().out
    assert f"3 of 40 rows written to {picks}" in out
    assert f"curadiff import {picks}" in out
    with pytest.raises(DataError, match=r"holds another selection \(3 rows by typicality\)"):
        curadiff.select(shards, budget=4, to_shards=str(picks))
    (picks / ".tmp-mine").write_text("mine")
    with pytest.raises(DataError, match=r"other files beside its selection \(.tmp-mine\)"):
        curadiff.select(shards, budget=4, to_shards=str(picks), overwrite=True)
    (picks / ".tmp-mine").unlink()
    for name in (".DS_Store", "Thumbs.db", "desktop.ini"):
        (picks / name).touch()
    again = curadiff.select(shards, budget=4, to_shards=str(picks), overwrite=True)
    assert len(ShardSet(files_of(picks))) == len(again.ids) == 4
    with pytest.raises(DataError, match="picks is the pool"):
        curadiff.select(picks, budget=2, to_shards=str(picks), overwrite=True)
    assert len(ShardSet(files_of(picks))) == 4
    for options, message in (
        ({"keep": "mine"}, "keep needs a selection of a FiftyOne data set"),
        ({"toward": "good"}, "toward needs tags"),
        ({"name": "mine"}, "name needs tags"),
        ({}, "to_shards is needed"),
    ):
        with pytest.raises(SettingsError, match=message):
            curadiff.select(shards, budget=3, **options)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    with pytest.raises(DataError, match="is there and holds no selection"):
        curadiff.select(shards, budget=3, to_shards=str(tmp_path / "full"))
    with pytest.raises(DataError, match=r"train needs images; make .*: curadiff import"):
        curadiff.train(shards)
    with pytest.raises(DataError, match="embed needs images"):
        curadiff.embed(shards)
    for words in (["map", str(shards)], ["compare", str(shards), "a", "b"]):
        assert main(words) != 0
        assert f"make one of them first: curadiff import {shards}" in capsys.readouterr().err
    twice = write_elsewhere(tmp_path / "twice", [paths[0], *paths[:-1]], x)
    with pytest.raises(DataError, match="1 rows have the id of another row"):
        curadiff.select(twice, budget=3, to_shards=str(tmp_path / "other"))
    x[5, 2] = np.nan
    bad = write_elsewhere(tmp_path / "bad", paths, x)
    with pytest.raises(DataError, match=r"the embedding of .* has NaN"):
        curadiff.select(bad, budget=3, to_shards=str(tmp_path / "other"))


def test_embeddings_go_to_shards_and_come_back(dataset, home, photos, tmp_path):
    folder = tmp_path / "shards"
    (photos / "round" / "broken.png").write_bytes(b"no picture")
    options = {"encoder": "builtin", "progress": False}
    try:
        written = curadiff.embed(photos, to_shards=str(folder), **options)
    finally:
        (photos / "round" / "broken.png").unlink()
    assert (written.done, written.kept) == (40, 0)
    half = folder / ".tmp-000000000000.7.88.0-part-00000.parquet"
    half.write_bytes(b"of a process that was killed")
    os.utime(half, (0, 0))
    again = curadiff.embed(photos, to_shards=str(folder), **options)
    assert not half.exists()
    assert (again.done, again.kept) == (0, 40)
    shards = ShardSet(files_of(folder))
    loaded = encoders.load("builtin")
    direct = loaded.embed(shards.values("uri")).features
    np.testing.assert_allclose(shards.embeddings(), direct, atol=1e-6)  # not scaled
    assert shards.values("sha256")[:3] == [content_hash(uri) for uri in shards.values("uri")[:3]]

    taken = curadiff.embed(dataset, from_shards=str(folder), progress=False)
    assert (taken.field, taken.done, taken.absent) == ("embedding", 40, 0)
    curadiff.embed(dataset, field="own", **options)
    dataset.reload()
    np.testing.assert_allclose(dataset.values("embedding"), dataset.values("own"), atol=1e-6)
    assert curadiff.embed(dataset, from_shards=str(folder), progress=False).kept == 40
    with pytest.raises(SettingsError, match="to_shards takes the place of field"):
        curadiff.embed(dataset, to_shards=str(folder), field="x")


def drawn(folder, names, start=0):
    return [str(draw(folder / name, start + number)) for number, name in enumerate(names)]


def test_a_changed_file_gets_a_new_row_and_no_second_one(home, tmp_path, monkeypatch):
    photos, folder = tmp_path / "photos", tmp_path / "shards"
    files = drawn(photos, [f"{number}.png" for number in range(7)])
    options = {"to_shards": str(folder), "encoder": "builtin", "progress": False}
    monkeypatch.setattr("curadiff.workflows.over_shards.embedding.SHARD", 3)
    curadiff.embed(photos, **options)
    before = {row["id"]: row for row in rows_of(folder)}
    drawn(photos, ["2.png", "6.png"], start=50)  # 6.png is alone in its file
    again = curadiff.embed(photos, **options)
    assert (again.done, again.kept, again.changed) == (2, 5, 2)
    assert "the files of 2 had changed" in str(again)
    rows = rows_of(folder)
    assert sorted(row["id"] for row in rows) == [f"{number}.png" for number in range(7)]
    assert {row["id"]: row["sha256"] for row in rows} == {
        name.rsplit("/", 1)[1]: content_hash(name) for name in files
    }
    direct = encoders.load("builtin").embed([row["uri"] for row in rows]).features
    np.testing.assert_allclose([row["embedding"] for row in rows], direct, atol=1e-6)
    after = {row["id"]: row for row in rows}
    assert [id for id in before if before[id] != after[id]] == ["2.png", "6.png"]
    assert curadiff.embed(photos, **options).kept == 7


def rows_of(folder):
    return [
        row for path in sorted(folder.glob("*.parquet")) for row in pq.read_table(path).to_pylist()
    ]


def test_a_file_that_changes_while_it_is_embedded_gets_no_row(tmp_path):
    paths = drawn(tmp_path / "photos", ["a.png", "b.png"])

    def compute(rows):
        draw(tmp_path / "photos" / "b.png", 9)
        yield rows, encoders.Embedded(np.ones((2, 3), "f4"), np.ones(2, bool), {})

    written = embed_to_shards(
        tmp_path / "out", Samples(["a", "b"], paths, ["a", "b"]), "e", compute
    )
    assert written.done == 1
    assert "b.png changed while it was embedded" in written.faults[paths[1]]
    assert [row["id"] for row in rows_of(tmp_path / "out")] == ["a"]


def test_a_file_that_changes_while_it_is_hashed_gets_no_row(tmp_path, monkeypatch):
    paths = drawn(tmp_path / "photos", ["a.png", "b.png", "c.png"])
    folder = tmp_path / "out"
    hashes = sources.hashes_of

    def hashed_late(files):
        if files:
            draw(tmp_path / "photos" / "b.png", 9)
            (tmp_path / "photos" / "c.png").unlink(missing_ok=True)
        return hashes(files)

    monkeypatch.setattr("curadiff.workflows.over_shards.embedding.hashes_of", hashed_late)
    embedded = encoders.Embedded(np.ones((3, 3), "f4"), np.ones(3, bool), {})
    pool = Samples(list("abc"), paths, list("abc"))
    written = embed_to_shards(folder, pool, "e", lambda rows: [(rows, embedded)])
    assert (written.done, sorted(written.faults)) == (1, paths[1:])
    assert [(row["id"], row["sha256"]) for row in rows_of(folder)] == [
        ("a", content_hash(paths[0]))
    ]
    assert embed_to_shards(folder, pool, "e", lambda rows: []).kept == 1  # not refused


def test_rows_without_a_hash_are_not_taken_for_those_of_the_files(tmp_path):
    folder = tmp_path / "shards"
    folder.mkdir()
    x = np.ones((1, 3), "f4")
    write_shard(folder / "a.parquet", ids=["a"], uris=["a"], sha256=[""], embeddings=x, encoder="e")
    paths = drawn(tmp_path / "photos", ["a.png"])
    with pytest.raises(DataError, match="has no sha256 for 1 of these images"):
        embed_to_shards(folder, Samples(["a"], paths, ["a"]), "e", lambda rows: [])


def test_vectors_from_shards_go_by_content(tmp_path):
    """Changed files take no vector, copies of one file and of one content take the same."""
    paths = drawn(tmp_path, ["a.png", "b.png", "c.png", "d.png", "e.png"])
    hashes = [content_hash(path) for path in paths]
    x = np.eye(6, dtype="f4")
    shard = tmp_path / "shards" / "0.parquet"
    shard.parent.mkdir()
    write_shard(
        shard,
        ids=["a", "b", "c", "twin", "unhashed", "a"],
        uris=["", "", "", "", paths[4], ""],
        sha256=[hashes[0], "0" * 64, hashes[3], hashes[2], "", hashes[0]],
        embeddings=x,
        encoder="theirs",
    )
    (tmp_path / "copy.png").write_bytes((tmp_path / "a.png").read_bytes())
    files = [*paths, str(tmp_path / "copy.png"), paths[4]]
    pool = Samples(list("0123456"), files, ["a", "b", "c", "d", "e", "f", "g"])
    vectors, notes = {}, {}
    for rows, part in vectors_from(ShardSet([shard]), pool, range(7)):
        assert not set(rows) & set(vectors)
        vectors.update(zip(rows, part.features.argmax(1).tolist(), strict=True))
        notes.update(part.notes)
    # c and d changed their contents with one another: each has the row of its content
    assert vectors == {0: 0, 2: 3, 3: 2, 4: 4, 5: 0, 6: 4}
    assert list(notes) == [paths[1]]
    assert "has changed since its row was written" in notes[paths[1]]


def test_a_study_of_shards_selects_with_their_vectors(home, paths, x, tmp_path, monkeypatch):
    shards = write_elsewhere(tmp_path / "studied", paths, x)

    class Opened(Exception):
        pass

    def fetch_weights(name, dataset, embed, evaluate):  # the first thing done with the settings
        raise Opened(embed.from_shards)

    monkeypatch.setattr("curadiff.studies.engine.fetch_weights", fetch_weights)
    try:
        others = {"encoder": "builtin"}, {"weights": "w.pt"}, {"dtype": "float32"}
        for embed in ({}, {"device": "auto", "cache": True}, *others):
            with pytest.raises(Opened) as opened:
                curadiff.study(shards, arms=["random"], budget=5, embed=embed, progress=False)
            assert str(opened.value) == ("None" if embed in others else str(shards))
    finally:
        fo.delete_dataset("studied")


def test_how_to_compute_vectors_is_left_out_where_shards_have_them(paths, x, tmp_path):
    shards = write_elsewhere(tmp_path / "pool", paths, x)
    asked = EmbedSettings(device="cpu", batch_size=8, cache=False, processes=2)
    with pytest.warns(UserWarning, match=r"embed.processes=2, embed.device=cpu, .* is not used"):
        taken = sources.vectors_of(shards, asked)
    assert taken == EmbedSettings(from_shards=str(shards))
    assert sources.vectors_of(tmp_path, asked) is asked  # no shards


def test_what_plays_no_part_beside_shards_is_refused(dataset, home, paths, x, tmp_path):
    shards = write_elsewhere(tmp_path / "pool", paths, x)
    for name, value in (("dtype", "bfloat16"), ("processes", 2), ("weights", "w.pt")):
        with pytest.raises(
            SettingsError, match=f"from_shards takes vectors as they are, and {name}"
        ):
            curadiff.embed(dataset, from_shards=str(shards), **{name: value})
    for name, value in (("encoder", "builtin"), ("mirrored", False), ("processes", 2)):
        with pytest.raises(SettingsError, match=f"{name} is about images"):
            curadiff.evaluate(shards, shards, **{name: value})
    with pytest.warns(UserWarning, match="vectors are of theirs.* encoder=builtin is not used"):
        curadiff.embed(dataset, from_shards=str(shards), encoder="builtin", progress=False)


def test_one_process_at_a_time_writes_shards_into_a_folder(tmp_path):
    pool = Samples([], [], [])
    with Lease(tmp_path, name=".lease"), pytest.raises(Busy, match="in use"):
        embed_to_shards(tmp_path, pool, "clip", lambda rows: [])
    assert embed_to_shards(tmp_path, pool, "clip", lambda rows: []) == Written(0, 0, 0, {}, {})


def test_images_that_moved_are_known_by_their_hash(dataset, home, paths, x, tmp_path):
    def shard(name, hashes):
        return write_shard(
            tmp_path / name / "a.parquet",
            ids=[f"n{row}" for row in range(30)],
            uris=[f"s3://bucket/{row}" for row in range(30)],
            sha256=hashes,
            embeddings=x[:30],
            encoder="theirs",
        ).parent

    for name in ("moved", "strange"):
        (tmp_path / name).mkdir()
    moved = shard("moved", [content_hash(path) for path in paths[:30]])
    taken = curadiff.embed(dataset, from_shards=str(moved), field="x", progress=False)
    assert (taken.done, taken.absent) == (30, 10)
    assert "10 images are not in the shards" in str(taken)
    again = curadiff.embed(dataset, from_shards=str(moved), field="x", progress=False)
    assert (again.done, again.kept, again.absent) == (0, 30, 10)
    dataset.reload()
    by_path = dict(zip(*dataset.values(["filepath", "x"]), strict=True))
    np.testing.assert_allclose(by_path[paths[7]], x[7] / np.linalg.norm(x[7]), atol=1e-6)
    strange = shard("strange", ["0" * 64] * 30)
    with pytest.raises(DataError, match=r"none of the 30 rows .* the first row has the id 'n0'"):
        curadiff.embed(dataset, from_shards=str(strange), field="y", progress=False)


def test_shards_without_uri_give_vectors_block_by_block(
    dataset, home, paths, x, tmp_path, monkeypatch
):
    monkeypatch.setattr("curadiff.workflows.over_shards.taking.BLOCK", 5)
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(x.reshape(-1)), x.shape[1])
    encoder = ["theirs"] * len(paths)
    folder = tmp_path / "theirs"
    folder.mkdir()
    columns = {"sha256": [content_hash(path) for path in paths], "encoder": encoder}
    rows = {"id": [f"row {number}" for number in range(len(paths))], "embedding": vectors}
    pq.write_table(pa.table({**rows, **columns}), folder / "0.parquet")
    assert curadiff.embed(dataset, from_shards=str(folder), progress=False).done == len(paths)


def test_two_folders_of_shards_are_evaluated(home, paths, x, tmp_path):
    real = write_elsewhere(tmp_path / "real", paths[:20], x[:20])
    made = write_elsewhere(tmp_path / "made", paths[20:], x[20:])
    options = {"null_draws": 0, "bootstrap": 0}
    values = curadiff.evaluate(made, real, progress=False, **options).values
    expected = metrics.evaluate(real=x[:20], generated=x[20:], **options).values
    assert values == expected
    assert values["frechet_distance"] == pytest.approx(
        metrics.frechet_distance(real=x[:20], generated=x[20:])
    )
    with pytest.raises(DataError, match="holds no shards and another side does"):
        curadiff.evaluate(made, paths[0].rsplit("/", 1)[0], progress=False)


def test_a_selection_is_imported_with_some_of_its_pool(home, paths, x, tmp_path):
    label = ["a" if row % 2 else "b" for row in range(len(paths))]
    pool = write_elsewhere(tmp_path / "pool", paths, x, label=label)
    picks = tmp_path / "picks"
    chosen = curadiff.select(pool, budget=6, to_shards=str(picks))
    imported = curadiff.import_images(
        picks, name="from-shards", pool=str(pool), pool_sample=10, seed=1
    )
    dataset = imported.dataset
    try:
        assert imported.total == 16
        selection = dataset.load_saved_view("selection").sort_by("rank")
        assert selection.values("filepath") == chosen.ids
        context = dataset.load_saved_view("context").values("filepath")
        assert len(set(context)) == 10
        assert not set(context) & set(chosen.ids)
        assert selection.first().label.label == label[paths.index(chosen.ids[0])]
    finally:
        dataset.delete()
    table = pq.read_table(pool / "0.parquet")
    others = table.set_column(4, "encoder", pa.array(["others"] * len(table)))
    (tmp_path / "others").mkdir()
    pq.write_table(others, tmp_path / "others" / "0.parquet")
    with pytest.raises(DataError, match=r"of the encoder theirs and the shards in .* of others"):
        curadiff.import_images(picks, name="from-shards", pool=str(tmp_path / "others"))
    gone = write_elsewhere(tmp_path / "gone", paths[:3], x[:3])
    table = pq.read_table(gone / "0.parquet")
    uris = pa.array(["s3://bucket/1.png"])
    pq.write_table(table.set_column(1, "uri", uris), gone / "0.parquet")
    assert curadiff.import_images(gone, name="some").notes[0].startswith("1 file is not on this")
    curadiff.import_images(gone, name="some").dataset.delete()
    with pytest.raises(SettingsError, match="pool is for a selection in shards"):
        curadiff.import_images(tmp_path, pool=str(pool))
