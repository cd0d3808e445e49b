"""One of several processes that draw images: ``worker RUN FOLDER SETTINGS RANK``.

Which images are a process's own follows from their seeds, so the processes
need not talk to one another. Each ends with the one that started it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from ...common.errors import CuradiffError
from ...config import GenerateSettings
from ...runs import open_run, read_json
from ..train.worker import share_cores
from . import image_folder


def main(words: list[str]) -> int:
    """Draw this process's share of the missing images."""
    share_cores()
    from .generate import draw_missing  # imports torch

    run, folder, rank = open_run(Path(words[0])), Path(words[1]), int(words[3])
    settings = GenerateSettings.model_validate_json(words[2])
    step = read_json(folder / image_folder.RECORD)["checkpoint"]
    try:
        draw_missing(
            run,
            settings,
            step,
            folder,
            image_folder.missing_numbers(folder, settings.count),
            rank=rank,
        )
    except CuradiffError as fault:
        print(fault)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
