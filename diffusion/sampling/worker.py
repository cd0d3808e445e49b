"""One of several processes that draw images: ``worker RUN FOLDER SETTINGS RANK``.

Which images are a process's own follows from their seeds, so the processes
need not talk to one another. Each ends with the one that started it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from ...config import GenerateSettings
from ...runs import open_run, read_json
from ...runs.exit_status import exit_status
from ..train.worker import share_cores
from . import image_folder


def main(words: list[str]) -> int:
    """Draw this process's share of the missing images."""
    share_cores()
    from .generate import draw_missing  # imports torch

    run, folder, rank = open_run(Path(words[0])), Path(words[1]), int(words[3])
    settings = GenerateSettings.model_validate_json(words[2])

    def work() -> None:
        step = read_json(folder / image_folder.RECORD)["checkpoint"]
        missing = image_folder.missing_numbers(folder, settings.count)
        draw_missing(run, settings, step, folder, missing, rank=rank)

    return exit_status(work)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
