"""Whatever ends the replacement of a folder at whatever step, the old or the new one is there."""

import errno
import os
import shutil
import sys
from pathlib import Path

import pytest
from curadiff.common.errors import DiskFull, RunError, Unwritten
from curadiff.common.files import replacing_folder
from curadiff.common.temporary import sweep, temporary

OLD = {"a": "old", "sub/b": "old too"}
NEW = {"a": "newer", "c": "new"}
STEPS = ("os.mkdir", "os.rename", "os.rmdir", "os.remove", "os.scandir", "open")
MOST = 100  # steps that a replacement may have
UNREACHED = 42  # exit status of a process that had fewer


def fill(folder, files):
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def read(folder):
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in folder.rglob("*")
        if path.is_file()
    }


def replace(path):
    with replacing_folder(path) as part:
        fill(part, NEW)


def forked(work):
    """Return the exit status of a process that does something, without this one's clean-up."""
    pid = os.fork()
    if pid == 0:
        status = 99
        try:
            status = work()
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def meddle(path, *, step, what, lower_layer):
    """Let a step of the file system, and with ``on`` all after it, kill this process or fail.

    Returns a function that tells whether that step came.
    """
    count = 0

    def hook(event, arguments):
        nonlocal count
        inside = event in STEPS and str(arguments[0]).startswith(str(path.parent))
        if not inside and event not in ("os.remove", "os.rmdir"):  # rmtree has the folder open
            return
        count += 1
        if count == step or (count > step and what == "on"):
            if what == "kill":
                os._exit(9)
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(arguments[0]))
        if lower_layer and event == "os.rename" and str(arguments[0]) == str(path):
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), str(path), None, "")

    sys.addaudithook(hook)
    return lambda: count >= step


def kept(folder):
    return [path for path in folder.glob(".tmp-*k-*/*") if not path.name.startswith(".tmp-")]


@pytest.mark.parametrize("lower_layer", [False, True])
@pytest.mark.parametrize("what", ["kill", "once", "on"])
def test_at_every_step_the_old_or_the_new_folder_is_there(tmp_path, what, lower_layer):
    seen = set()
    for step in range(1, MOST):
        folder = tmp_path / str(step)
        path, words = folder / "name", tmp_path / f"{step}.txt"
        fill(path, OLD)

        def work(path=path, words=words, step=step):
            handle = words.open("w")
            reached = meddle(path, step=step, what=what, lower_layer=lower_layer)
            try:
                replace(path)
            except RunError as fault:
                handle.write(str(fault))
                handle.flush()
                return 1
            except OSError:
                return 2
            return 0 if reached() else UNREACHED

        status = forked(work)
        if status == UNREACHED:
            break
        there = read(path) if path.exists() else None
        aside = [one for one in kept(folder) if read(one) == OLD]
        assert there in (OLD, NEW) or aside, step
        if there not in (OLD, NEW) and what != "kill":
            assert f"What was there before is kept in {aside[0]}" in words.read_text()
        seen.add((status, "old" if there == OLD else "new" if there == NEW else "aside"))
        sweep(folder)
        assert read(path) in (OLD, NEW), step
        assert there not in (OLD, NEW) or read(path) == there
        assert list(folder.iterdir()) == [path], step
    assert 12 < step < MOST - 1
    ended = 9 if what == "kill" else 1
    expected = {(ended, "old"), (9 if what == "kill" else 0, "new")}
    assert seen >= expected | ({(ended, "aside")} if what != "once" else set())


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC])
def test_what_could_not_be_put_back_is_by_the_next_call(tmp_path, monkeypatch, number):
    path, real = tmp_path / "name", Path.rename
    fill(path, OLD)

    def rename(self, target):
        if Path(target) == path:
            raise OSError(number, os.strerror(number), str(self), None, str(target))
        return real(self, target)

    monkeypatch.setattr(Path, "rename", rename)
    with pytest.raises(Unwritten, match="What was there before is kept in") as raised:
        replace(path)
    assert isinstance(raised.value, DiskFull) == (number == errno.ENOSPC)
    (aside,) = kept(tmp_path)
    assert str(aside) in str(raised.value)
    assert read(aside) == OLD
    sweep(tmp_path)  # this process lives: nothing of it is abandoned
    assert kept(tmp_path) == [aside]
    monkeypatch.setattr(Path, "rename", real)
    with replacing_folder(path) as part:
        assert read(path) == OLD
        fill(part, NEW)
    assert read(path) == NEW


def test_what_somebody_puts_in_the_place_meanwhile_stays_beside_what_was_there(tmp_path):
    path = tmp_path / "name"
    fill(path, OLD)

    def work():
        meddle(path, step=10**9, what="", lower_layer=False)
        real = Path.rename
        Path.rename = lambda self, to: os._exit(9) if Path(to) == path else real(self, to)
        replace(path)
        return 0

    assert forked(work) == 9
    fill(path, {"mine": "of somebody"})
    sweep(tmp_path)
    assert read(path) == {"mine": "of somebody"}
    assert [read(one) for one in kept(tmp_path)] == [OLD]
    shutil.rmtree(path)
    sweep(tmp_path)
    assert read(path) == OLD
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_was_deleted_after_its_replacement_does_not_come_back(tmp_path):
    path = tmp_path / "name"
    fill(path, OLD)

    def work():
        shutil.rmtree = lambda *_, **__: os._exit(9)
        replace(path)
        return 0

    assert forked(work) == 9
    assert read(path) == NEW
    assert len(kept(tmp_path)) == 1
    for file in path.iterdir():
        file.unlink()
    path.rmdir()
    sweep(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_long_name_of_many_bytes_is_replaced(tmp_path):
    path = tmp_path / ("像" * 80)
    assert temporary(path).name.encode().endswith(b"-" + "像".encode() * 33)  # no part of one
    fill(path, OLD)
    replace(path)
    assert read(path) == NEW
    assert list(tmp_path.iterdir()) == [path]
