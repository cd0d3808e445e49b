"""Two processes with half of the rows each pick what one process picks with all of them."""

import json
import os
import socket
import subprocess
import sys

import numpy as np
import pytest
from curadiff.errors import EnvironmentFault
from curadiff.selectors import select
from curadiff.selectors.sharded import select_sharded

RANK = """
import json, sys
import numpy as np, torch
import torch.distributed as dist
from curadiff.errors import SettingsError
from curadiff.selectors.sharded import select_sharded
torch.set_num_threads(1)
dist.init_process_group("gloo")
x = np.load(sys.argv[1], mmap_mode="r")
cut = [0, int(sys.argv[2]), len(x)]
part = x[cut[dist.get_rank()] : cut[dist.get_rank() + 1]]
found = {}
for method in ("coreset", "typicality"):
    rows, scores = select_sharded(part, 90, method=method)
    found[method] = [rows.tolist(), scores.tolist()]
for name, given in {"method": {"method": "kmeans"}, "budget": {}}.items():
    try:
        select_sharded(part, 90 if name == "method" else 10**6, **given)
    except SettingsError as fault:
        found[name] = str(fault)
if dist.get_rank() == int(sys.argv[3]):
    print(json.dumps(found))
dist.destroy_process_group()
"""


def ranks(path, cut, reporter):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {**os.environ, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    started = [
        subprocess.Popen(
            [sys.executable, "-c", RANK, str(path), str(cut), str(reporter)],
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


@pytest.mark.parametrize(("cut", "reporter"), [(450, 0), (130, 1)])
def test_two_ranks_give_the_order_of_one_process(cut, reporter, clusters, tmp_path):
    x, _ = clusters(n=900, copies=60)
    x[5] = 30 * np.eye(16)[0]
    np.save(tmp_path / "x.npy", x)
    found = ranks(tmp_path / "x.npy", cut, reporter)
    for method in ("coreset", "typicality"):
        alone = select(x, 90, method=method)
        assert found[method][0] == alone.indices.tolist(), method
        np.testing.assert_allclose(found[method][1], alone.scores, rtol=1e-9)
    assert "coreset, typicality when sharded, got 'kmeans'" in found["method"]
    assert "between 1 and 900, the rows of all ranks" in found["budget"]


def test_without_a_process_group_it_says_what_to_do():
    with pytest.raises(EnvironmentFault, match="torchrun or accelerate"):
        select_sharded(np.ones((3, 2)), 1)
