"""A file or folder is replaced as a whole or not at all, by one function of the project."""

import errno
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from curadiff.common.disk_faults import in_words, unwritten
from curadiff.common.errors import DiskFull, RunError
from curadiff.common.files import (
    ensure_folder,
    link_or_copy,
    replacing,
    replacing_folder,
    write_bytes,
)
from curadiff.common.temporary import remove, sweep, temporary
from PIL import Image
from safetensors.numpy import save_file


@pytest.mark.parametrize("durable", [False, True])
def test_readers_see_the_old_content_until_the_block_ends(tmp_path, durable):
    path = tmp_path / "file"
    path.write_text("old")
    with replacing(path, durable=durable) as part:
        part.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("fault", [OSError("full"), ValueError("no"), KeyboardInterrupt()])
def test_a_failure_leaves_what_was_there_and_nothing_else(tmp_path, fault):
    path = tmp_path / "file"
    path.write_text("old")

    def fail():
        with replacing(path) as part:
            part.write_text("half")
            raise fault

    with pytest.raises(type(fault)):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_takes_the_place_of_another(tmp_path):
    path = tmp_path / "folder"
    for content in ("old", "new"):
        with replacing_folder(path) as part:
            (part / content).touch()
    assert [file.name for file in path.iterdir()] == ["new"]

    def fail():
        with replacing_folder(path) as part:
            (part / "half").touch()
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        fail()
    assert [file.name for file in path.iterdir()] == ["new"]
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_is_copied_where_it_cannot_be_linked(tmp_path, monkeypatch):
    (tmp_path / "a").write_text("text")
    link_or_copy(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b").samefile(tmp_path / "a")
    monkeypatch.setattr("os.link", lambda *_: (_ for _ in ()).throw(OSError("no links")))
    link_or_copy(tmp_path / "a", tmp_path / "c")
    assert (tmp_path / "c").read_text() == "text"
    assert not (tmp_path / "c").samefile(tmp_path / "a")


X = np.random.default_rng(0).normal(size=(64, 64))
WRITERS = {
    "bytes": lambda part: part.write_bytes(X.tobytes()),
    "array": lambda part: np.save(part.open("wb"), X),
    "arrays": lambda part: np.savez(part.open("wb"), x=X),
    "picture": lambda part: Image.effect_noise((256, 256), 50).save(part, "PNG"),
    "tensors": lambda part: save_file({"x": X}, part),
    "shard": lambda part: pytest.importorskip("pyarrow.parquet").write_table(
        pytest.importorskip("pyarrow").table({"x": X.ravel()}), part
    ),
}


@pytest.mark.parametrize("writer", WRITERS)
def test_a_full_disk_is_a_sentence_whatever_writes(tmp_path, writer, little_room):
    path = tmp_path / "file"
    path.write_text("old")
    with (
        pytest.raises(
            RunError, match=rf"^could not write {path}: .*kept; free some space there or"
        ),
        little_room(),
        replacing(path) as part,
    ):
        WRITERS[writer](part)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
    folder = tmp_path / "folder"
    with (
        pytest.raises(RunError, match=rf"^could not write {folder}: .*kept; free some space"),
        little_room(),
        replacing_folder(folder) as part,
        replacing(part / "inside") as inside,
    ):
        WRITERS[writer](inside)
    assert list(tmp_path.iterdir()) == [path]


def test_what_the_folder_refuses_is_a_sentence_and_a_fault_of_what_is_read_is_not(tmp_path):
    with (
        pytest.raises(RunError, match=r"could not write .*No such file.*make that folder or"),
        replacing(tmp_path / "none" / "file") as part,
    ):
        part.write_text("x")
    with pytest.raises(FileNotFoundError), replacing(tmp_path / "file") as part:
        shutil.copyfile("/nowhere/at/all", part)
    denied = PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(tmp_path / "file"))
    assert "make that folder writable" in str(
        unwritten(tmp_path / "file", denied, within=tmp_path / "file")
    )
    said = str(in_words(denied))
    assert said.startswith(f"{tmp_path / 'file'} cannot be used: Permission denied")
    assert in_words(OSError("a picture that is no picture")) is None


def test_a_folder_is_gone_at_once_and_its_files_afterwards(tmp_path, monkeypatch):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "file").touch()
    seen = []
    monkeypatch.setattr(shutil, "rmtree", lambda path, **_: seen.append(folder.exists()))
    remove(folder)
    assert seen == [False]


def test_only_names_of_curadiffs_own_are_swept(tmp_path):
    (tmp_path / ".tmp-work" / "sub").mkdir(parents=True)
    foreign = [tmp_path / ".tmp-work", tmp_path / ".tmp-notes.txt", tmp_path / ".tmp-2024.1.2.3-a"]
    own = [temporary(tmp_path / "a"), tmp_path / ".tmp-0123456789ab.7.88.0-b"]
    for path in (*foreign[1:], own[1]):
        path.touch()
    own[0].mkdir()
    for path in (*foreign, *own):
        os.utime(path, (0, 0))
    sweep(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([*foreign, own[0]])  # this process lives


@pytest.mark.parametrize("which", ["the old one", "the new one"])
def test_a_folder_that_cannot_take_the_others_place_leaves_it(tmp_path, monkeypatch, which):
    path, real = tmp_path / "folder", Path.rename
    path.mkdir()
    (path / "old").touch()

    def rename(self, target):
        if (self == path) if which == "the old one" else (self / "new").exists():
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), str(self), None, str(target))
        return real(self, target)

    monkeypatch.setattr(Path, "rename", rename)
    with (
        pytest.raises(RunError, match=rf"^could not write {path}: .*resource busy"),
        replacing_folder(path) as part,
    ):
        (part / "new").touch()
    assert [file.name for file in path.iterdir()] == ["old"]
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_of_a_lower_layer_is_replaced(tmp_path, monkeypatch):
    """overlayfs renames no folder that an image below has, and says EXDEV."""
    path, real = tmp_path / "folder", Path.rename
    path.mkdir()
    (path / "old").touch()

    def rename(self, target):
        if self == path:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), str(self), None, str(target))
        return real(self, target)

    monkeypatch.setattr(Path, "rename", rename)
    with replacing_folder(path) as part:
        (part / "new").touch()
    assert [file.name for file in path.iterdir()] == ["new"]
    assert list(tmp_path.iterdir()) == [path]


def test_the_advice_is_for_what_is_wrong(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    for path, advice in (
        (tmp_path / "folder", "another file or folder has that place; move it away or"),
        (tmp_path / "file" / "x", "another file or folder has that place; move it away or"),
    ):
        with pytest.raises(RunError, match=advice):
            write_bytes(path, b"x")
    long = OSError(errno.ENAMETOOLONG, "", str(tmp_path / "part"))
    sentence = str(unwritten(tmp_path / "long", long, within=tmp_path / "part"))
    assert "is kept; give a shorter name or" in sentence


def test_a_disk_that_is_full_elsewhere_is_named_itself(tmp_path, little_room):
    path, part, cache = tmp_path / "run", tmp_path / "part", Path("/cache/x")
    full = (errno.ENOSPC, "")
    assert unwritten(path, OSError(*full, str(cache)), within=part) is None
    assert unwritten(path, OSError(*full, "/photo", None, str(cache)), within=part) is None
    assert isinstance(
        unwritten(path, OSError(*full, "/photo", None, str(part / "a")), within=part), DiskFull
    )
    with (
        pytest.raises(DiskFull, match=r"^could not write .*cache"),
        replacing_folder(path),
        little_room(),
        replacing(tmp_path / "cache") as file,
    ):
        file.write_bytes(bytes(5000))  # its error names no file


def test_an_error_of_a_handle_is_put_into_words():
    assert str(in_words(OSError(errno.EACCES, "", 5))).startswith("a file could not be used: Perm")


def test_a_link_to_a_folder_stays_a_link(tmp_path):
    path, link = tmp_path / "folder", tmp_path / "link"
    path.mkdir()
    link.symlink_to(path)
    with replacing_folder(link) as part:
        (part / "new").touch()
    assert link.is_symlink()
    assert [file.name for file in path.iterdir()] == ["new"]


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match=r"could not make .*file/x: Not a dir.*; give a folder that"):
        ensure_folder(tmp_path / "file" / "x")
    ensure_folder(tmp_path / "a" / "b")
    ensure_folder(tmp_path / "a" / "b")
