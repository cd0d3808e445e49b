"""Two processes with some of the rows each pick what one process picks with all of them."""

import json
import os
import socket
import subprocess
import sys

import numpy as np
import pytest
from curadiff.common.errors import EnvironmentFault
from curadiff.selectors import select
from curadiff.selectors.distributed import command
from curadiff.selectors.distributed.sharded import select_sharded

RANK = """
import json, sys
import numpy as np, torch
import torch.distributed as dist
from curadiff.common.errors import SettingsError
from curadiff.selectors.distributed.sharded import select_sharded
torch.set_num_threads(1)
dist.init_process_group("gloo")
x = np.load(sys.argv[1], mmap_mode="r")
cut = [0, int(sys.argv[2]), len(x)]
part = x[cut[dist.get_rank()] : cut[dist.get_rank() + 1]]
found = {}
for method in ("coreset", "typicality"):
    rows, scores = select_sharded(part, 90, method=method)
    found[method] = [rows.tolist(), scores.tolist()]
begin, end = cut[dist.get_rank()], cut[dist.get_rank() + 1]
asked = json.load(open(sys.argv[4]))
for method in ("coreset", "typicality"):
    given = {**asked, "groups": asked["groups"][begin:end]}
    rows, scores = select_sharded(part, 80, method=method, **given)
    found["asked " + method] = [rows.tolist(), scores.tolist()]
rows, scores = select_sharded(part, 90, memory_budget=2**29)
assert rows.tolist() == found["coreset"][0]
refused = {
    "alpha": {"alpha": "auto", "method": "typicality"},
    "method": {"method": "kmeans"},
    "budget": {},
}
for name, given in refused.items():
    try:
        select_sharded(part, 10**6 if name == "budget" else 90, **given)
    except SettingsError as fault:
        found[name] = str(fault)
if dist.get_rank() == int(sys.argv[3]):
    print(json.dumps(found))
dist.destroy_process_group()
"""


def ranks(path, cut, reporter, asked):
    (path.parent / "asked.json").write_text(json.dumps(asked))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {**os.environ, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    started = [
        subprocess.Popen(
            [sys.executable, "-c", RANK, str(path), str(cut), str(reporter), "asked.json"],
            cwd=path.parent,
            env={**shared, "RANK": str(rank), "WORLD_SIZE": "2", "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    said = [process.communicate(timeout=120) for process in started]
    assert [process.returncode for process in started] == [0, 0], said
    return json.loads(said[reporter][0])


@pytest.mark.parametrize(("cut", "reporter"), [(0, 0), (130, 1)])
def test_two_ranks_give_the_order_of_one_process(cut, reporter, clusters, tmp_path):
    x, _ = clusters(n=900, copies=60)
    x[5] = 30 * np.eye(16)[0]
    np.save(tmp_path / "x.npy", x)
    asked = {
        "preselected": [3, 700],
        "exclude": list(range(200, 260)),
        "groups": ["a", "b", "c"] * 300,
        "quotas": {"a": 10, "c": 40},
    }
    found = ranks(tmp_path / "x.npy", cut, reporter, asked)
    for method in ("coreset", "typicality"):
        alone = select(x, 90, method=method)
        assert found[method][0] == alone.indices.tolist(), method
        np.testing.assert_allclose(found[method][1], alone.scores, rtol=1e-9)
        alone = select(x, 80, method=method, **asked)
        assert found[f"asked {method}"][0] == alone.indices.tolist(), method
        np.testing.assert_allclose(found[f"asked {method}"][1], alone.scores, rtol=1e-9)
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
