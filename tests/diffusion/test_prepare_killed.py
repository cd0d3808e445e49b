"""A training killed while it is prepared leaves nothing that blocks its name."""

from __future__ import annotations

import os
import signal
import sys

from curadiff import runs
from curadiff.diffusion import prepare

CHANGES = ("os.rename", "os.mkdir", "os.remove", "os.link", "os.truncate")


def make(settings, paths):
    """Do what ``train --name mine`` does before it starts the training."""
    with runs.making("train", settings.model_dump(mode="json"), name="mine") as run:
        prepare(run, ids=[path.name for path in paths], paths=paths, settings=settings)
    return run


def killed_at(moment, home, work):
    """Carry out work in a copy of this process that ends at its n-th change below a folder."""
    pid = os.fork()
    if pid:
        return os.WIFSIGNALED(os.waitpid(pid, 0)[1])
    left = moment

    def count(event, arguments):
        nonlocal left
        writes = event == "open" and isinstance(arguments[2], int)
        writes = writes and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        if (writes or event in CHANGES) and str(arguments[0]).startswith(home):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)
    work()
    os._exit(0)


def test_killed_at_any_file_write_of_the_preparation_the_name_stays_free(tiny, pictures, tmp_path):
    settings, paths, home = tiny(), pictures[:4], tmp_path / "home"
    moment, whole = 0, 0
    while killed_at(moment := moment + 1, str(home), lambda: make(settings, paths)):
        found, damaged = runs.survey()
        assert damaged == []
        for run in found:  # killed after the last write: it is there in full
            assert runs.read_json(run.path / "manifest.json")["ids"] == [p.name for p in paths]
            run.path.rename(tmp_path / f"whole-{moment}")
            whole += 1
    assert moment > 6
    assert whole <= 2
    assert [path.name for path in (home / "runs").iterdir()] == ["mine"]
    assert not list((home / "cache").rglob(".tmp-*"))
