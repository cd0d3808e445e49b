"""One database, one home and one plugins folder of the tests' own, made before FiftyOne loads."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

ROOT = Path(__file__).resolve().parents[1]
SCRATCH = Path(tempfile.mkdtemp(prefix="curadiff-tests-"))

os.environ |= {
    "CURADIFF_HOME": str(SCRATCH / "home"),
    "FIFTYONE_APP_CONFIG_PATH": str(SCRATCH / "app_config.json"),
    "FIFTYONE_DATABASE_DIR": str(SCRATCH / "database"),
    "FIFTYONE_DATABASE_VALIDATION": "false",
    "FIFTYONE_DEFAULT_DATASET_DIR": str(SCRATCH / "datasets"),
    "FIFTYONE_DO_NOT_TRACK": "true",
    "FIFTYONE_PLUGINS_DIR": str(SCRATCH / "plugins"),
    "HF_HUB_OFFLINE": "1",
    "OMP_WAIT_POLICY": "PASSIVE",
}


def pytest_sessionfinish() -> None:
    """End the database of these tests, then remove its files."""
    import psutil

    servers = [p for p in psutil.process_iter() if f"{SCRATCH}/database" in _command(p)]
    for server in servers:
        server.terminate()
    psutil.wait_procs(servers, timeout=10)
    shutil.rmtree(SCRATCH, ignore_errors=True)


def _command(process) -> list[str]:
    import psutil

    try:
        return process.cmdline()
    except psutil.Error:  # it has ended meanwhile
        return []


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    """A home of this test's own, for tests that look at what runs there are."""
    monkeypatch.setenv("CURADIFF_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def draw(path: Path, number: int, size: tuple[int, int] = (40, 48)) -> Path:
    """Draw a picture that is like its neighbours and equal to none of them."""
    generator = np.random.default_rng(number)
    color = tuple(int(c) for c in generator.integers(0, 255, 3))
    image = Image.new("RGB", size, tuple(int(c) for c in generator.integers(180, 255, 3)))
    x, y = (int(v) for v in generator.integers(4, 14, 2))
    ImageDraw.Draw(image).ellipse((x, y, x + 20, y + 26), fill=color)
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)
    return path


@pytest.fixture(scope="session")
def photos(tmp_path_factory) -> Path:
    """A folder with 40 small pictures in two classes."""
    folder = tmp_path_factory.mktemp("photos")
    for number in range(40):
        draw(folder / ("round" if number % 2 else "other") / f"{number:03d}.png", number)
    return folder


@pytest.fixture
def dataset(photos, request):
    """A FiftyOne data set of the pictures, deleted after the test."""
    import curadiff

    name = f"test-{request.node.name[:40]}-{os.getpid()}"
    found = curadiff.import_images(photos, name=name).dataset
    yield found
    found.delete()


@pytest.fixture
def embedded(dataset):
    """The data set with ``builtin`` embeddings."""
    import curadiff

    curadiff.embed(dataset, encoder="builtin", progress=False)
    dataset.reload()
    return dataset
