"""One database, one home and one plugins folder of the tests' own, made before FiftyOne loads."""

from __future__ import annotations

import json
import multiprocessing
import os
import resource
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from PIL import Image, ImageDraw

ROOT = Path(__file__).resolve().parents[1]
MEMORY = Path("/dev/shm")
LEAST_ROOM = 2**29  # bytes; below this the database, which writes 300 MB, may die without a word


def room(folder: Path) -> int:
    """Return how many bytes can still be written in a folder, which may lie in memory."""
    free = shutil.disk_usage(folder).free
    return min(free, psutil.virtual_memory().available) if folder.is_relative_to(MEMORY) else free


def _scratch() -> Path:
    """Return a new folder, in memory where there is room: on a disk the database waits for it."""
    roomy = MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and room(MEMORY) > 4 * 2**30
    return Path(tempfile.mkdtemp(prefix="curadiff-tests-", dir=MEMORY if roomy else None))


SCRATCH = _scratch()

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
if "PYTEST_XDIST_WORKER" in os.environ:  # the cores are shared out by processes already
    os.environ.setdefault("OMP_NUM_THREADS", "1")


# FiftyOne attaches to whatever database service this user already runs, so that tests beside
# an open App would write into its database. An address of their own keeps the two apart.
FIFTYONE = find_spec("fiftyone")
MONGOD = Path(str(FIFTYONE.origin)).parent / "db" / "bin" / "mongod" if FIFTYONE else None
DATABASE: subprocess.Popen | None = None


def pytest_configure(config: pytest.Config) -> None:
    """Start the database; it ends, and its files go, when this process does, however it dies."""
    global DATABASE
    only_hands_out = bool(getattr(config.option, "numprocesses", None))  # the workers run tests
    if MONGOD is None or not MONGOD.is_file() or only_hands_out:
        return
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = SCRATCH / "database"
    folder.mkdir()
    serve = (
        f"'{MONGOD}' --dbpath '{folder}' --logpath '{folder}/log' --bind_ip 127.0.0.1 "
        f"--port {port} --wiredTigerCacheSizeGB 0.5 & read end; kill $!; wait; rm -rf '{SCRATCH}'"
    )
    DATABASE = subprocess.Popen(
        ["sh", "-c", serve],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C ends the tests first
    )
    os.environ["FIFTYONE_DATABASE_URI"] = f"mongodb://127.0.0.1:{port}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files beside this one, where tests are long: last, one process would wait."""
    items.sort(key=lambda item: item.path.parent != Path(__file__).parent)


def pytest_unconfigure() -> None:
    """End the database of these tests, then remove its files."""
    if DATABASE is not None:
        DATABASE.communicate(timeout=30)
    shutil.rmtree(SCRATCH, ignore_errors=True)


def shortage(free: int) -> str:
    """Say that too little can be written where the database lies, or nothing."""
    if free >= LEAST_ROOM:
        return ""
    return (
        f"{free / 1e6:.0f} MB can still be written in {SCRATCH.parent}, where the tests' database "
        f"lies, and it needs {LEAST_ROOM / 1e6:.0f} MB; free some and run the tests again"
    )


@pytest.fixture(autouse=True, scope="module")
def _room_is_left(request):
    """End all tests with a sentence before the database would die of a full disk or memory."""
    message = shortage(room(SCRATCH))
    if message:
        request.session.shouldstop = message
        pytest.fail(message, pytrace=False)


@pytest.fixture(autouse=True, scope="module")
def _no_fork_server_left():
    """Keep a server that tests of the App have started from serving tests of other modules."""
    yield
    from curadiff.runs import forking

    kept = forking.server()
    if kept is not None:
        kept.close()
        forking._kept = None


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    """A home of this test's own, for tests that look at what runs there are."""
    monkeypatch.setenv("CURADIFF_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture(scope="session")
def little_room() -> Callable[..., AbstractContextManager[None]]:
    """Let no file of this process become larger, as on a disk that is full."""

    @contextmanager
    def little_room(size: int = 4096) -> Iterator[None]:
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    return little_room


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


@pytest.fixture(scope="session")
def small_clip(tmp_path_factory) -> str:
    """Give open_clip an architecture of two layers, built in a moment; return its name."""
    import open_clip

    name = "ViT-small-test"
    half = {"layers": 2, "width": 64}  # a head is 64 wide, as in every model that is published
    config = {
        "embed_dim": 32,
        "vision_cfg": {"image_size": 224, "patch_size": 32, **half},
        "text_cfg": {"context_length": 77, "vocab_size": 49408, "heads": 1, **half},
    }
    file = tmp_path_factory.mktemp("architectures") / f"{name}.json"
    file.write_text(json.dumps(config))
    open_clip.add_model_config(file)
    return name


@pytest.fixture
def two_ranks(tmp_path) -> Callable[[Callable[[int], Any]], list]:
    """Call ``work(rank)`` in two forked processes that are a group; return what each returns."""
    import torch
    import torch.distributed as dist

    fork = multiprocessing.get_context("fork")
    meeting = f"file://{tmp_path / 'meeting'}"

    def one(work, rank, answer):
        torch.set_num_threads(1)  # a forked process has none of its parent's threads
        group = {"rank": rank, "world_size": 2, "timeout": timedelta(seconds=100)}
        dist.init_process_group("gloo", init_method=meeting, **group)
        answer.send(work(rank))
        dist.destroy_process_group()

    def both(work):
        started = []
        for rank in range(2):
            answer, theirs = fork.Pipe(duplex=False)
            started.append((fork.Process(target=one, args=(work, rank, theirs)), answer))
            started[-1][0].start()
            theirs.close()  # so that the end of a rank without an answer is seen here
        try:
            answers = [answer.recv() for _, answer in started]
            for process, _ in started:
                process.join(60)
            assert [process.exitcode for process, _ in started] == [0, 0]  # None: still there
            return answers
        finally:
            for process, _ in started:
                process.kill()
                process.join()

    return both
