"""The run directory: where long work writes what it does, and others read it."""

from .addressing import inside_runs, open_by_id
from .asked import Asked, interrupt
from .directory import ACTIVE, Run, Snapshot, create, home, listing, make_folder, open_run
from .files import read_json, write_bytes, write_json
from .lease import Lease, held

__all__ = [
    "ACTIVE",
    "Asked",
    "Lease",
    "Run",
    "Snapshot",
    "create",
    "held",
    "home",
    "inside_runs",
    "interrupt",
    "listing",
    "make_folder",
    "open_by_id",
    "open_run",
    "read_json",
    "write_bytes",
    "write_json",
]
