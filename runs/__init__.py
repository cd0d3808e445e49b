"""The run directory: where long work writes what it does, and others read it."""

from ..common.files import read_json, write_bytes, write_json
from .addressing import inside_runs, open_by_id
from .directory import check_name, create, making
from .finding import Damaged, listing, open_run, run_named, survey
from .home_folder import home, make_folder
from .lease import Busy, Lease, held
from .run import ACTIVE, Run, Snapshot
from .stop_request import StopRequest, interrupt

__all__ = [
    "ACTIVE",
    "Busy",
    "Damaged",
    "Lease",
    "Run",
    "Snapshot",
    "StopRequest",
    "check_name",
    "create",
    "held",
    "home",
    "inside_runs",
    "interrupt",
    "listing",
    "make_folder",
    "making",
    "open_by_id",
    "open_run",
    "read_json",
    "run_named",
    "survey",
    "write_bytes",
    "write_json",
]
