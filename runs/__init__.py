"""The run directory: where long work writes what it does, and others read it."""

from .asked import Asked, interrupt
from .directory import ACTIVE, Run, Snapshot, create, home, listing, open_run
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
    "interrupt",
    "listing",
    "open_run",
    "read_json",
    "write_bytes",
    "write_json",
]
