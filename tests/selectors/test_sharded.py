"""Two processes with some of the rows each pick what one process picks with all of them."""

import os
import subprocess
import sys

import numpy as np
import pytest
from curadiff.common.errors import EnvironmentFault, SettingsError
from curadiff.selectors import select
from curadiff.selectors.distributed import command
from curadiff.selectors.distributed.sharded import select_sharded


def of_a_part(part, asked):
    """What a rank picks and refuses that holds some of the rows."""
    found = {}
    for method in ("coreset", "typicality"):
        found[method] = select_sharded(part, 90, method=method)
        found[f"asked {method}"] = select_sharded(part, 80, method=method, **asked)
    assert select_sharded(part, 90, memory_budget=2**29)[0].tolist() == found["coreset"][0].tolist()
    refused = {
        "alpha": {"alpha": "auto", "method": "typicality"},
        "method": {"method": "kmeans"},
        "budget": {},
    }
    for name, given in refused.items():
        with pytest.raises(SettingsError) as fault:
            select_sharded(part, 10**6 if name == "budget" else 90, **given)
        found[name] = str(fault.value)
    return found


def test_two_ranks_give_the_order_of_one_process(two_ranks, clusters, tmp_path):
    x, _ = clusters(n=900, copies=60)
    x[5] = 30 * np.eye(16)[0]
    np.save(tmp_path / "x.npy", x)
    asked = {
        "preselected": [3, 700],
        "exclude": list(range(200, 260)),
        "quotas": {"a": 10, "c": 40},
    }
    groups, cuts = ["a", "b", "c"] * 300, (0, 130)  # a rank without rows, and unequal parts

    def work(rank):
        stored, found = np.load(tmp_path / "x.npy", mmap_mode="r"), []
        for cut in cuts:
            mine = slice(0, cut) if rank == 0 else slice(cut, None)
            found.append(of_a_part(stored[mine], {**asked, "groups": groups[mine]}))
        return found

    expected = {}
    for method in ("coreset", "typicality"):
        expected[method] = select(x, 90, method=method)
        expected[f"asked {method}"] = select(x, 80, method=method, groups=groups, **asked)
    for found in (one for rank in two_ranks(work) for one in rank):
        for name, alone in expected.items():
            rows, scores = found[name]
            assert rows.tolist() == alone.indices.tolist(), name
            np.testing.assert_allclose(scores, alone.scores, rtol=1e-9)
        assert "coreset, typicality when sharded, got 'kmeans'" in found["method"]
        assert "budget must be <= 900, the samples that can be chosen" in found["budget"]
        assert "alpha must be a number when sharded, got 'auto'" in found["alpha"]


def test_without_a_process_group_it_says_what_to_do():
    with pytest.raises(EnvironmentFault, match="torchrun or accelerate"):
        select_sharded(np.ones((3, 2)), 1)


ACCELERATE = ["accelerate.commands.launch", "--cpu", "--num_processes", "1"]
TORCHRUN = ["torch.distributed.run", "--standalone", "--nproc-per-node=2"]


@pytest.mark.parametrize(
    ("launcher", "method", "said"),
    [(TORCHRUN, "typicality", "on 2 processes"), (ACCELERATE, "coreset", "on 1 process;")],
)
def test_launchers_select_from_files(launcher, method, said, clusters, tmp_path):
    x, _ = clusters(n=500)
    np.save(tmp_path / "a.npy", x[:180])
    np.save(tmp_path / "b.npy", x[180:].astype(np.float16))
    words = ["-m", "curadiff.selectors.distributed.command", "a.npy", "b.npy", "--budget", "40"]
    done = subprocess.run(
        [sys.executable, "-m", *launcher, *words, "--method", method, "--out", "picks.npz"],
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert f"40 of 500 rows chosen by {method} {said}" in done.stdout
    x[180:] = x[180:].astype(np.float16)
    found, alone = np.load(tmp_path / "picks.npz"), select(x, 40, method=method)
    assert found["indices"].tolist() == alone.indices.tolist()
    np.testing.assert_allclose(found["scores"], alone.scores, rtol=1e-6)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["gone.npy"], "gone.npy cannot be read"),
        (["a.npy", "b.npy"], "b.npy has 3 features per row and a.npy has 2"),
        (["a.npy", "--budget", "9"], "budget must be <= 4"),
        (["text.npy"], "text.npy cannot be read"),
    ],
)
def test_what_the_command_cannot_use_is_a_sentence(words, sentence, tmp_path, monkeypatch, capsys):
    np.save(tmp_path / "a.npy", np.eye(4, 2) + 1)
    np.save(tmp_path / "b.npy", np.eye(4, 3) + 1)
    (tmp_path / "text.npy").write_text("no array")
    monkeypatch.chdir(tmp_path)
    assert command.main([*words, "--out", "picks.npz"]) == 1
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "picks.npz").exists()


def test_parquet_shards_give_the_picks_of_one_matrix_and_their_ids(clusters, tmp_path):
    pytest.importorskip("pyarrow")
    from curadiff.common.shards import write_shard
    from curadiff.selectors.distributed import command

    x, _ = clusters(n=120)
    names = np.array([f"image-{row:03d}" for row in range(120)])
    for part in (slice(0, 70), slice(70, 120)):
        write_shard(
            tmp_path / f"{part.start}.parquet",
            ids=names[part].tolist(),
            uris=names[part].tolist(),
            sha256=names[part].tolist(),
            embeddings=x[part],
            encoder="clip",
        )
    files = [str(tmp_path / "0.parquet"), str(tmp_path / "70.parquet")]
    assert command.main([*files, "--budget", "20", "--out", str(tmp_path / "picks.npz")]) == 0
    picks, alone = np.load(tmp_path / "picks.npz"), select(x, 20, method="coreset")
    assert picks["indices"].tolist() == alone.indices.tolist()
    assert picks["ids"].tolist() == names[alone.indices].tolist()


def test_an_option_of_another_method_is_refused(tmp_path, capsys):
    from curadiff.selectors.distributed import command

    np.save(tmp_path / "x.npy", np.eye(4))
    words = [str(tmp_path / "x.npy"), "--budget", "2", "--out", str(tmp_path / "picks.npz")]
    assert command.main([*words, "--alpha", "2"]) == 1
    assert "--alpha is of typicality, and --method is coreset" in capsys.readouterr().err


def test_only_the_rank_that_writes_needs_the_folder_of_the_picks(tmp_path, monkeypatch):
    out = tmp_path / "none" / "picks"
    with pytest.raises(SettingsError, match=r"--out: .*none is no folder"):
        command._target(out)
    monkeypatch.setenv("RANK", "0")
    with pytest.raises(SettingsError, match=r"--out: .*none is no folder"):
        command._target(out)
    monkeypatch.setenv("RANK", "1")
    assert command._target(out) == tmp_path / "none" / "picks.npz"
