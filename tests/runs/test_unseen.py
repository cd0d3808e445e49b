"""A disk that does not answer for a moment is no missing run: nothing finished is deleted."""

import errno
import os

import pytest
from curadiff import runs
from curadiff.config import TrainSettings
from curadiff.encoders.distributed import embedding
from curadiff.workflows import measuring


@pytest.fixture
def unseen(monkeypatch):
    """Let the system refuse to look at every ``run.json``, with a given error."""

    def refuse(number):
        real = os.stat

        def stat(path, *words, **options):
            if str(path).endswith("run.json"):
                raise OSError(number, os.strerror(number), str(path))
            return real(path, *words, **options)

        monkeypatch.setattr(os, "stat", stat)

    return refuse


@pytest.mark.parametrize("number", [errno.ESTALE, errno.EIO, errno.EACCES])
def test_finished_units_stay_where_the_run_cannot_be_seen(tmp_path, home, unseen, number):
    run = embedding._folder(tmp_path / "embed-1", {})
    (run.path / "part.npz").write_text("hours of work")
    unseen(number)
    with pytest.raises(OSError, match=r"run\.json"):
        embedding._folder(run.path, {})
    assert (run.path / "part.npz").read_text() == "hours of work"


def test_a_measurement_that_cannot_be_seen_stays(home, unseen):
    settings = TrainSettings(network="unet2d", device="cpu", image_size=32)
    run = measuring.prepare(settings)
    before = sorted(run.path.rglob("*"))
    unseen(errno.ESTALE)
    with pytest.raises(OSError, match=r"run\.json"):
        measuring.prepare(settings)
    assert sorted(run.path.rglob("*")) == before != []


def test_a_name_that_no_file_can_have_is_no_run_and_lists_go_on(tmp_path, home, unseen):
    assert not runs.Run(tmp_path / ("x" * 300)).exists
    runs.create("train", {}, name="one")
    assert [run.id for run in runs.listing()] == ["one"]
    unseen(errno.EACCES)
    assert runs.listing() == []
