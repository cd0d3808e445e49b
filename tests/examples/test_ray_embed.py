"""The Ray example on two local workers: its shards are those of one process."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
from curadiff import encoders
from curadiff.common.images import content_hash
from curadiff.common.shards import ShardSet, files_of

pytest.importorskip("ray")
EXAMPLE = Path(__file__).parents[2] / "examples" / "ray_embed.py"


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["folder", "tars"])
def test_two_workers_write_shards_of_a_folder_and_of_tars(kind, photos, tmp_path):
    paths = sorted(photos.rglob("*.png"))
    source, names = photos, {path: str(path) for path in paths}
    if kind == "tars":
        source, names = tmp_path / "tars", {path: path.stem for path in paths}
        source.mkdir()
        for number in range(2):
            with tarfile.open(source / f"{number}.tar", "w") as tar:
                for path in paths[number::2]:
                    tar.add(path, path.name)
    shards = tmp_path / "shards"
    done = subprocess.run(
        [sys.executable, str(EXAMPLE), str(source), str(shards), "--encoder", "builtin"],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
        env={**os.environ, "RAY_USAGE_STATS_ENABLED": "0", "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0"},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "40 images embedded" in done.stdout
    assert "0 left out" in done.stdout
    written = ShardSet(files_of(shards))
    at = {name: path for path, name in names.items()}
    ids = written.values("id")
    assert set(ids) == set(names.values())
    assert written.values("sha256") == [content_hash(at[id]) for id in ids]
    loaded = encoders.load("builtin")
    assert written.encoder == loaded.key
    expected = loaded.embed([at[id] for id in ids]).features
    np.testing.assert_allclose(written.embeddings(), expected, atol=1e-6)
