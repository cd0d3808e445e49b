"""Kill it, fill its disk: what was saved stays, and the result is the same."""

import multiprocessing
import os
import random
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest
from curadiff import runs
from curadiff.common.errors import DiskFull, RunError
from curadiff.config import GenerateSettings
from curadiff.diffusion import generate, prepare, train_here
from curadiff.diffusion.train import checkpoint, progress

LONG = {"steps": 40, "checkpoint_every": 4, "grid_every": 1000}


TRAIN = """
import os
from pathlib import Path
from curadiff import runs
from curadiff.diffusion import train_here
os.environ |= {environment}
train_here(runs.Run(Path({path!r})))
"""


def child(run, **environment):
    """Train in a process that starts fast, because its server has imported everything."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["curadiff.diffusion.train.loop", "diffusers"])
    code = TRAIN.format(environment=environment, path=str(run.path))
    process = context.Process(target=exec, args=(code, {}))
    process.start()
    return process


def pair(run):
    """Train in two processes, with what torchrun would tell them."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    told = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    return [child(run, RANK=rank, LOCAL_RANK=rank, **told) for rank in "01"]


def saving(run):
    return next((run.path / checkpoint.FOLDER).glob(".tmp-*"), None) is not None


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("processes", [1, 2])
def test_killed_at_twenty_moments_it_ends_as_if_it_never_was(prepared, weights, processes):
    start = pair if processes == 2 else lambda run: [child(run)]
    whole, cut = (prepared(name, **LONG, processes=processes) for name in ("whole", "cut"))
    for process in start(whole):
        process.join(120)
        assert process.exitcode == 0
    moments = random.Random(0)
    kills, during_save = 0, 0
    while kills < 20:
        started = start(cut)
        deadline = time.monotonic() + moments.uniform(0.1, 2.5 * processes)
        wait_for_save = kills % 4 == 0
        while started[0].is_alive() and time.monotonic() < deadline + 20 * wait_for_save:
            if wait_for_save and saving(cut):
                during_save += 1
                break
        if started[0].is_alive():
            kills += 1
            for process in moments.sample(started, processes):  # either of them first
                process.kill()
                time.sleep(moments.choice([0, 0.2]))
        for process in started:
            process.join(120)
        if cut.status["state"] == "finished":  # begin again, to be killed some more
            assert weights(cut) == weights(whole)
            shutil.rmtree(cut.path / checkpoint.FOLDER)
        for step in checkpoint.saved_steps(cut.path):
            checkpoint.load(cut.path, step)  # whatever is there is whole
    assert during_save >= 3
    for process in start(cut):
        process.join(120)
        assert process.exitcode == 0
    assert weights(cut) == weights(whole)
    assert not saving(cut)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 2 MB."""
    if os.geteuid() != 0:
        pytest.skip("needs root to mount a small file system")
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"could not mount a small file system: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_keeps_the_last_checkpoint_and_says_so(small_disk, pictures, tiny, weights):
    settings = tiny(steps=20, checkpoint_every=2, grid_every=1000, keep_checkpoints=1)
    run = runs.create("train", settings.model_dump(), name="one", folder=small_disk)
    prepare(run, ids=[str(i) for i in range(10)], paths=pictures, settings=settings)
    first_save(run)
    before = weights(run)
    blocker = small_disk / "blocker"
    one = sum(len(content) for content in before.values())
    fill(blocker, leave=one // 2)
    with pytest.raises(RunError, match=r"checkpoint at step 4 \(.*[Nn]o space.*step 2 is kept"):
        train_here(run)
    assert run.status["state"] == "failed"
    assert (
        "the one at step 2 is kept. Free some space, then run the same command again"
        in (run.status["error"])
    )
    assert weights(run) == before
    assert not saving(run)
    blocker.unlink()
    assert train_here(run) == "finished"


def first_save(run):
    from curadiff.diffusion.train.worker import train_run

    asked = iter([False, True])
    assert train_run(run, lambda: next(asked)) == "stopped"


def fill(path: Path, *, leave: int):
    """Write a file that leaves only so many bytes on its disk."""
    free = shutil.disk_usage(path.parent).free
    with path.open("wb") as file:
        file.write(b"\0" * (free - leave))


def test_a_disk_without_room_for_a_status_still_says_so(small_disk, pictures, tiny):
    settings = tiny()
    run = runs.create("train", settings.model_dump(), name="one", folder=small_disk)
    prepare(run, ids=[str(i) for i in range(10)], paths=pictures, settings=settings)
    fill(small_disk / "blocker", leave=0)
    with pytest.raises(RunError, match=r"could not write .*No space left on device"):
        train_here(run)


def test_a_log_that_finds_no_room_says_so_as_every_file_does(prepared, little_room):
    log = progress.Progress(prepared("one"), step=0, steps=6, batch_size=4)
    path = log.run.path / "log.jsonl"
    with little_room(), pytest.raises(DiskFull, match=rf"^could not write {path}: .*; free"):
        log.note(1, much="x" * 10_000)


def test_what_an_interrupted_save_left_is_swept(prepared):
    run = prepared("one")
    left = run.path / checkpoint.FOLDER / ".tmp-000000000000.7.88.0-step-00000003"
    left.mkdir(parents=True)
    (left / "model.safetensors").write_bytes(b"half")
    os.utime(left, (0, 0))
    mine = left.with_name(".tmp-notes.txt")
    mine.write_text("mine")
    assert checkpoint.saved_steps(run.path) == []
    assert train_here(run) == "finished"
    assert not left.exists()
    assert mine.read_text() == "mine"


def test_only_the_last_checkpoints_are_kept(finished):
    run = finished("one", checkpoint_every=1, keep_checkpoints=2, grid_every=100)
    assert checkpoint.saved_steps(run.path) == [5, 6]


def test_the_disk_space_that_is_announced_is_not_exceeded(finished):
    run = finished("one", checkpoint_every=1, keep_checkpoints=2, grid_every=100)
    announced = run.status["disk_bytes_at_most"]
    files = {(f.stat().st_dev, f.stat().st_ino): f.stat().st_size for f in weight_files(run)}
    small = 64_000  # headers and names weigh something in a network as tiny as this
    assert announced / 3 < sum(files.values()) < announced + small


def test_too_little_room_is_said_beforehand(prepared, monkeypatch):
    run = prepared("one")
    assert checkpoint.space_warning(run.path, 10**6) == ""
    full = shutil.disk_usage(run.path)._replace(free=50_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: full)
    assert checkpoint.space_warning(run.path, 10**9) == ", and only 0.05 GB are free"


def weight_files(run):
    return list(run.path.rglob("*.safetensors"))


def test_a_checkpoint_that_is_not_there_is_said_with_those_that_are(finished):
    run = finished("one")
    with pytest.raises(RunError, match=r"has no checkpoint at step 4 \(there: 3, 6\)"):
        checkpoint.load(run.path, 4)


def halve(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: halve(folder / "model.safetensors"),
        lambda folder: (folder / "optimizer.safetensors").unlink(),
        lambda folder: (folder / "state.json").write_text(""),
    ],
)
def test_a_damaged_checkpoint_is_put_aside_for_the_one_before(finished, weights, damage):
    whole, cut = finished("whole"), finished("cut")
    damage(checkpoint.path_of(cut.path, 6))
    said = []
    cut.set_status = lambda state, **values: said.append(values.get("message"))
    assert train_here(cut) == "finished"
    assert "the checkpoint at step 6 is damaged and was put aside; going on from step 3" in said
    assert (cut.path / "checkpoints" / "damaged-step-00000006").is_dir()
    assert weights(cut) == weights(whole)


def test_where_no_checkpoint_is_whole_nothing_begins_anew_unasked(prepared):
    run = prepared("one", keep_checkpoints=1)
    train_here(run)
    halve(checkpoint.path_of(run.path, 6) / "ema.safetensors")
    with pytest.raises(RunError, match=r"step-00000006 is damaged .*; delete it to begin anew"):
        train_here(run)
    with pytest.raises(RunError, match=r"step-00000006 is damaged"):
        generate(run, GenerateSettings(count=1, steps=2))


def test_images_need_their_weights_only(finished):
    run = finished("one")
    (checkpoint.path_of(run.path, 6) / "state.json").unlink()
    assert (generate(run, GenerateSettings(count=1, steps=2)) / "000000.png").exists()


def test_a_copy_of_a_checkpoint_beside_it_is_nobodys_business(finished):
    run = finished("one")
    folder = checkpoint.path_of(run.path, 6)
    shutil.copytree(folder, folder.with_name("step-00000006-keep"))
    assert checkpoint.saved_steps(run.path) == [3, 6]
    assert train_here(run) == "finished"


def test_tensors_of_another_shape_are_refused(finished):
    run = finished("one")
    tensors, state = checkpoint.load(run.path, 6)
    tensors["model"]["conv_in.weight"] = tensors["model"]["conv_in.weight"][:, :1]
    checkpoint.save(run.path, 6, tensors, state, keep=2)
    with pytest.raises(RunError, match=r"conv_in.weight is of shape \(8, 1, 3, 3\), and"):
        train_here(run)


@pytest.mark.slow
def test_two_processes_killed_and_resumed_end_as_if_they_never_were(prepared, weights):
    from curadiff.diffusion import start

    values = {"steps": 60, "checkpoint_every": 3, "grid_every": 1000, "processes": 2}
    whole, cut = prepared("whole", **values), prepared("cut", **values)
    assert start(whole).wait(200) == 0
    for kill_after in (3, 20):
        launcher = start(cut)
        end = time.monotonic() + 120
        while launcher.poll() is None and time.monotonic() < end:
            if (checkpoint.saved_steps(cut.path) or [0])[-1] >= kill_after:
                break
            time.sleep(0.01)
        launcher.kill()
        launcher.wait()
        time.sleep(3)  # the ranks notice within a second that their launcher is gone
    assert start(cut).wait(200) == 0, (cut.path / "output.log").read_text()
    assert weights(cut) == weights(whole)
