"""``make bench``: every benchmark at a size that two CPU cores finish in minutes.

Each runs in a process of its own and prints its ratios; a benchmark whose peers are
not installed says which package it wants. Larger sizes: see each file's ``--help``.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
RUNS = (
    ("selection.py", "kcenter", "--repeats", "1"),
    ("selection.py", "neighbors", "--repeats", "1"),
    ("selection.py", "facility", "--repeats", "1"),
    ("selection.py", "quality", "--seeds", "1"),
    ("metrics.py", "--images", "3000", "--rounds", "1"),
    ("training.py", "train"),
    ("training.py", "sample"),
    ("embedding.py", "--rounds", "3"),
)


def main() -> int:
    failed = []
    for name, *words in RUNS:
        print(f"\n== {name} {' '.join(words)}", flush=True)
        command = [sys.executable, str(HERE / name), *words]
        if subprocess.run(command, check=False).returncode:
            failed.append(name)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
