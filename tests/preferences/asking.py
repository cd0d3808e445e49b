"""Serve a study of people, again whenever its process is killed: ``asking.py NAME PORT [FOLDER]``.

With a folder the study is started first, of the folders inside it.

Imports once and forks a server for each life, so that a restart takes a tenth of a second.
Prints the process id of each server.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from pathlib import Path

from curadiff.studies.rating import rate_serve, rate_start
from fiftyone.core.odm import database


def main(name: str, port: str, folder: str | None = None) -> None:
    if folder is not None:
        arms = {path.name: path for path in sorted(Path(folder).iterdir())}
        rate_start(folders=arms, name=name, votes_per_rater=60, repeats=0.0)
        database._disconnect()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    while True:
        child = os.fork()
        if child == 0:
            database._client = None  # a connection is not for two processes
            rate_serve(name, port=int(port))
            os._exit(0)
        print(child, flush=True)
        try:
            os.waitpid(child, 0)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)


if __name__ == "__main__":
    main(*sys.argv[1:])
