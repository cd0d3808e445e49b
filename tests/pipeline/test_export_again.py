"""An export that failed at its beginning does not stand in the way of the next."""

import os
import shutil

import pytest
from curadiff.common.errors import DataError
from curadiff.datasets.reading import Samples
from curadiff.workflows import exporting


def pool(folder, *names):
    return Samples(ids=list(names), names=list(names), paths=[str(folder / name) for name in names])


def test_what_killed_exports_left_half_written_is_swept(tmp_path):
    (tmp_path / "a.png").write_bytes(b"a")
    out = tmp_path / "out"
    out.mkdir()
    half, mine = out / ".tmp-000000000000.7.88.0-000000.png", out / ".tmp-mine.png"
    for path in (half, mine):
        path.write_bytes(b"half")
        os.utime(path, (0, 0))
    exporting.write_image_folder(out, pool(tmp_path, "a.png"), None)
    assert sorted(path.name for path in out.glob("*.png")) == [mine.name, "000000.png"]


def test_a_failed_export_leaves_nothing_that_is_refused_afterwards(tmp_path, monkeypatch):
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(name.encode())
    out = tmp_path / "out"
    with pytest.raises(DataError, match=r"the image .*gone.png is gone"):
        exporting.write_image_folder(out, pool(tmp_path, "a.png", "gone.png"), None)
    assert list(out.iterdir()) == []

    def denied(*_):
        raise PermissionError("not yours")

    real = shutil.copyfile
    monkeypatch.setattr(shutil, "copyfile", denied)
    with pytest.raises(PermissionError):
        exporting.write_image_folder(out, pool(tmp_path, "a.png"), None)
    monkeypatch.setattr(shutil, "copyfile", real)
    assert [path.name for path in out.iterdir()] == [exporting.BEGUN]
    exporting.write_image_folder(out, pool(tmp_path, "b.png"), None)
    assert sorted(path.name for path in out.iterdir()) == ["000000.png", exporting.METADATA]
    assert (out / "000000.png").read_bytes() == b"b.png"
    with pytest.raises(DataError, match="holds other files"):
        exporting.write_image_folder(out, pool(tmp_path, "a.png"), None)
