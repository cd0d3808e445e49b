"""One of several processes that embed: ``worker FOLDER``, started by torchrun or accelerate.

Processes do not talk to one another. Each computes its share of the units in the folder, passes
over those of which there is a part already, and needs neither FiftyOne nor a database. On
another machine that sees the folder and the images under the same paths it is started by hand:

    accelerate launch FLAGS --machine_rank 1 -m curadiff.encoders.distributed.worker FOLDER
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import nullcontext
from pathlib import Path

from ...common.devices import choose_device
from ...common.errors import CuradiffError, DataError
from ...runs import Lease, Run
from ...runs.exit_status import exit_status
from ...runs.failure import note_failure
from ..encoder import Encoder
from ..registry import load
from . import units

POLL = 0.5  # seconds between two looks at what the others have done


def compute_share(run: Run, rank: int, count: int) -> None:
    """Embed the units of one process; process 0 then waits for the others.

    Args:
        run: The folder of the work.
        rank: Number of this process.
        count: How many there are.

    Raises:
        CuradiffError: The encoder cannot be loaded, or is another one here.
    """
    names = units.names(run.path)
    settings = run.settings
    with Lease(run.path) if rank == 0 else nullcontext():
        if rank == 0:
            run.set_status("running", processes=count, error=None)
        encoder = _encoder(run)
        for name in units.share(names, rank, count):
            if units.part_path(run.path, name).exists():
                continue
            if not (run.path / units.UNITS / f"{name}.json").exists():
                continue  # collected meanwhile
            paths = [image.path for image in units.read(run.path, name)]
            embedded = encoder.embed(paths, batch_size=settings["batch_size"])
            units.write_part(run.path, name, embedded)
        if rank == 0:
            while not set(units.names(run.path)) <= set(units.names(run.path, units.PARTS)):
                time.sleep(POLL)  # whoever started the processes ends this one if another dies
            run.set_status("finished")


def _encoder(run: Run) -> Encoder:
    settings = run.settings
    device = str(choose_device(settings["device"]))
    if device == "cuda":
        import torch

        device = f"cuda:{int(os.environ.get('LOCAL_RANK', 0)) % torch.cuda.device_count()}"
        torch.cuda.set_device(device)
    encoder = load(
        settings["encoder"], weights=settings["weights"], device=device, dtype=settings["dtype"]
    )
    size = settings["size"]
    encoder = encoder.at(None if size is None else (size[0], size[1]))
    encoder = encoder.mirrored() if settings["mirrored"] else encoder
    if encoder.key != settings["key"]:
        raise DataError(
            f"the encoder here is {encoder.key}, and the work is for {settings['key']}; give all "
            "machines the same weights and code."
        )
    return encoder


def main(words: list[str]) -> int:
    """Compute the share of this process of the folder named on the command line."""
    rank, count = (int(os.environ.get(name, alone)) for name, alone in
                   (("RANK", 0), ("WORLD_SIZE", 1)))  # fmt: skip
    run = Run(Path(words[0]))

    def work() -> None:
        try:
            compute_share(run, rank, count)
        except Exception as fault:
            known = isinstance(fault, CuradiffError)
            note_failure(run, fault, error="" if known else f"{type(fault).__name__}: {fault}")
            raise

    return exit_status(work)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
