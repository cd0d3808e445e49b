"""Draw the demonstration data set: ``python -m curadiff.demo FOLDER``."""

from __future__ import annotations

import argparse
import sys

from tqdm import tqdm

from ..common.errors import CuradiffError
from .render import render
from .sheet import write_sheet


def main(arguments: list[str] | None = None) -> int:
    """Draw a data set, say what is in it, and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m curadiff.demo",
        description="Draw a small try-on data set in the VITON-HD layout, with a known truth.",
    )
    parser.add_argument("folder", help="where the data set goes")
    parser.add_argument("--people", type=int, default=600, help="pictures in train (%(default)s)")
    parser.add_argument("--test", type=int, default=100, help="pictures in test (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="another seed, other people")
    parser.add_argument(
        "--size", type=int, nargs=2, default=(192, 256), metavar=("WIDTH", "HEIGHT")
    )
    parser.add_argument("--sheet", metavar="FILE", help="also write a contact sheet, a PNG file")
    given = parser.parse_args(arguments)
    try:
        with tqdm(desc="drawing", unit="picture", mininterval=0.5, disable=None) as bar:

            def show(done: int, total: int) -> None:
                bar.total = total
                bar.update(done - bar.n)

            truth = render(
                given.folder,
                people=given.people,
                test=given.test,
                seed=given.seed,
                size=tuple(given.size),
                progress=show,
            )
        if given.sheet:
            write_sheet(given.folder, given.sheet)
    except CuradiffError as fault:
        print(fault, file=sys.stderr)
        return 1
    kinds = ", ".join(f"{count} {kind}" for kind, count in truth.counts().items())
    print(f"{truth.root}: {given.people} people to train on ({kinds}), {given.test} to test with.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
