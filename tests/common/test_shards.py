"""Parquet shards: what is written is read, by us and by others."""

import itertools

import numpy as np
import pytest
from curadiff.common.errors import DataError
from curadiff.common.shards import ShardSet, drop_rows, write_shard

pq = pytest.importorskip("pyarrow.parquet")


def shard(path, x, *, first=0, encoder="clip", **extra):
    names = [f"image-{first + row}" for row in range(len(x))]
    return write_shard(
        path,
        ids=names,
        uris=[f"s3://bucket/{name}.png" for name in names],
        sha256=["0" * 64] * len(x),
        embeddings=x,
        encoder=encoder,
        extra=extra,
    )


def test_rows_across_files_and_groups_come_back(tmp_path, monkeypatch):
    monkeypatch.setattr("curadiff.common.shards.GROUP", 7)
    x = np.random.default_rng(0).normal(size=(50, 6)).astype(np.float32)
    cuts = [0, 20, 21, 50]
    paths = [
        shard(tmp_path / f"{a}.parquet", x[a:b], first=a, harm=np.arange(a, b) / 10)
        for a, b in itertools.pairwise(cuts)
    ]
    shards = ShardSet(paths)
    assert (len(shards), shards.dim, shards.encoder) == (50, 6, "clip")
    for begin, end in ((0, 50), (3, 4), (18, 22), (20, 21), (45, 50), (9, 9)):
        np.testing.assert_array_equal(shards.embeddings(begin, end), x[begin:end])
        assert shards.values("id", begin, end) == [f"image-{row}" for row in range(begin, end)]
    rows = np.array([33, 0, 20, 49, 1])
    assert shards.values_of("id", rows) == [f"image-{row}" for row in rows]
    np.testing.assert_array_equal(shards.embeddings_of(rows), x[rows])
    assert shards.values("harm", 19, 22) == [1.9, 2.0, 2.1]


def test_an_embedding_that_is_null_is_nan_and_moves_no_other_row(tmp_path):
    pa = pytest.importorskip("pyarrow")
    vectors = pa.array([[1, 2], None, [3, None], [5, 6]], pa.list_(pa.float32(), 2))
    pq.write_table(pa.table({"id": list("abcd"), "embedding": vectors}), tmp_path / "a.parquet")
    x = ShardSet([tmp_path / "a.parquet"]).embeddings(0, 4)
    nan = np.nan
    np.testing.assert_array_equal(x, np.array([[1, 2], [nan, nan], [3, nan], [5, 6]], np.float32))


def test_a_first_file_without_rows_hides_no_other_encoder(tmp_path):
    x = np.zeros((2, 3), np.float32)
    empty = shard(tmp_path / "a.parquet", x[:0])
    clip, dino = (shard(tmp_path / f"{name}.parquet", x, encoder=name) for name in ("clip", "dino"))
    assert ShardSet([empty, clip]).encoder == "clip"
    with pytest.raises(DataError, match=r"of the encoder dino and .*clip"):
        ShardSet([empty, clip, dino])


@pytest.mark.parametrize("statistics", [True, False])
def test_every_row_says_which_encoder_it_is_of(tmp_path, statistics):
    def written(name, groups):
        columns = {"id": [str(n) for n in range(6)], "encoder": groups}
        columns["embedding"] = pa.array([[1.0, 2.0]] * 6, pa.list_(pa.float32(), 2))
        path = tmp_path / f"{name}.parquet"
        pq.write_table(pa.table(columns), path, row_group_size=2, write_statistics=statistics)
        return path

    pa = pytest.importorskip("pyarrow")
    same = written("same", ["clip"] * 6)
    assert ShardSet([same]).encoder == "clip"
    silent = written("silent", pa.array([None, ""] * 3, pa.string()))
    assert ShardSet([silent]).encoder is None
    for groups, message in (
        (["clip"] * 5 + ["dino"], r"rows of clip and dino; write the rows of each encoder"),
        (["clip"] * 5 + [None], r"rows without an encoder beside those of clip"),
    ):
        with pytest.raises(DataError, match=message):
            ShardSet([written("mixed", groups)])
    with pytest.raises(DataError, match=r"of an encoder that it does not name and .* of clip"):
        ShardSet([same, silent])


def test_blocks_of_a_large_row_group_are_decoded_once(tmp_path, monkeypatch):
    monkeypatch.setattr("curadiff.common.parquet.DECODED", 70)
    x = np.random.default_rng(0).normal(size=(1000, 3)).astype(np.float32)
    shards = ShardSet([shard(tmp_path / f"{n}.parquet", x[n:][:500], first=n) for n in (0, 500)])
    begun = []
    for file in shards._files:
        batches = file.iter_batches
        monkeypatch.setattr(
            file,
            "iter_batches",
            lambda *a, b=batches, **o: begun.append(o["columns"]) or b(*a, **o),
        )
    for begin in range(0, 1000, 50):
        np.testing.assert_array_equal(shards[begin : begin + 50], x[begin : begin + 50])
        assert shards.values("id", begin, begin + 50)[-1] == f"image-{begin + 49}"
    assert sorted(begun) == [["embedding"]] * 2 + [["id"]] * 2
    for begin, end in ((30, 40), (0, 1000), (499, 501), (700, 701), (510, 520), (999, 1000)):
        np.testing.assert_array_equal(shards[begin:end], x[begin:end])


def test_dropped_rows_leave_the_others_as_they_were(tmp_path, monkeypatch):
    monkeypatch.setattr("curadiff.common.shards.GROUP", 4)
    x = np.random.default_rng(0).normal(size=(10, 3)).astype(np.float32)
    path = shard(tmp_path / "a.parquet", x, harm=np.arange(10) / 10)
    before = pq.read_table(path)
    drop = np.isin(np.arange(10), [0, 5, 9])
    drop_rows(path, drop)
    assert pq.read_table(path).equals(before.filter(~drop))
    assert ShardSet([path]).encoder == "clip"
    drop_rows(path, np.ones(7, bool))
    assert not path.exists()


def test_a_column_that_one_file_lacks_is_refused(tmp_path):
    x = np.zeros((2, 3), np.float32)
    shards = ShardSet(
        [shard(tmp_path / "a.parquet", x, harm=[1, 2]), shard(tmp_path / "b.parquet", x)]
    )
    for read in (lambda: shards.values("harm"), lambda: shards.values_of("harm", np.array([3]))):
        with pytest.raises(DataError, match=r"b\.parquet has no column 'harm'"):
            read()


def test_other_readers_see_the_contract(tmp_path):
    x = np.random.default_rng(0).normal(size=(5, 3))
    table = pq.read_table(shard(tmp_path / "a.parquet", x))
    assert table.column_names == ["id", "uri", "sha256", "embedding", "encoder"]
    assert str(table.schema.field("embedding").type).startswith("fixed_size_list<")
    assert table["embedding"].to_pylist() == x.astype(np.float32).tolist()
    stored = pq.ParquetFile(tmp_path / "a.parquet").metadata.row_group(0)
    kinds = {stored.column(i).path_in_schema.split(".")[0]: stored.column(i).compression
             for i in range(stored.num_columns)}  # fmt: skip
    assert kinds["embedding"] == "UNCOMPRESSED"


def test_what_is_no_shard_is_refused(tmp_path):
    import pyarrow as pa

    good = shard(tmp_path / "good.parquet", np.ones((3, 4)))
    other = shard(tmp_path / "other.parquet", np.ones((3, 4)), encoder="dinov2")
    wide = shard(tmp_path / "wide.parquet", np.ones((3, 5)))
    lists = pa.table({"id": ["a"], "embedding": [[1.0, 2.0]]})
    pq.write_table(lists, tmp_path / "lists.parquet")
    (tmp_path / "text.parquet").write_text("no table")
    for paths, message in (
        ([good, other], "is of the encoder dinov2 and .* of clip"),
        ([good, wide], "has 5 features per row"),
        ([tmp_path / "lists.parquet"], "write it as a fixed-size list of float32"),
        ([tmp_path / "text.parquet"], "cannot be read as Parquet"),
        ([], "no shards were given"),
    ):
        with pytest.raises(DataError, match=message):
            ShardSet(paths)
    with pytest.raises(DataError, match="'id' is a column of every shard"):
        shard(tmp_path / "bad.parquet", np.ones((2, 2)), id=[1, 2])
    with pytest.raises(DataError, match="no column 'harm'; it has id, uri"):
        ShardSet([good]).values("harm")
