"""Everything that only a GPU can show, in one run of at most eight minutes.

    python benchmarks/gpu.py [--out results.json] [--minutes 8] [--only PART ...]
    python benchmarks/gpu.py --rehearse     # every part at toy size, on the CPU

Needs neither FiftyOne nor an installed Curadiff. Each part has a process of its own, so that none
takes the others down with it, and the JSON file is written after each; where it has results of the
same card and packages, the parts that run now are added to them. First, side by side: the
parts that check and do not time, and those that compile, which fill the compiler's cache. Then
one after the other the parts that time, in order of importance. A part that needs a package that
is not installed says so under ``left_out``; one that fails has its traceback under ``error``.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import runpy
import subprocess
import sys
import tempfile
import time
import traceback
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
if importlib.util.find_spec("curadiff") is None:
    runpy.run_path(str(ROOT / "runs" / "bootstrap.py"), run_name="bootstrap")["introduce"]()

import gpu_parts  # noqa: E402
import gpu_profile  # noqa: E402
import torch  # noqa: E402
from curadiff.runs import provenance  # noqa: E402

PACKAGES = ("torch", "diffusers", "accelerate", "timm", "denoising-diffusion-pytorch", "pytest")


class Part(NamedTuple):
    """One part of the run."""

    run: object
    seconds: float  # that it may take
    checks: bool = False  # times nothing: may run beside others
    compiles: bool = False  # takes ``rehearsal=True``: compile, and measure next to nothing


PARTS = {
    "train_unet2d": Part(gpu_parts.train_unet2d, 120, compiles=True),
    "train_lucidrains": Part(gpu_parts.train_lucidrains, 120, compiles=True),
    "resume": Part(gpu_parts.resume, 120, checks=True),
    "gpu_tests": Part(gpu_parts.gpu_tests, 160, checks=True),
    "gpu_tests_compiled": Part(gpu_parts.gpu_tests_compiled, 160, checks=True),
    "picks": Part(gpu_parts.picks, 160, checks=True),
    "sampling": Part(gpu_parts.sampling, 120, compiles=True),
    "profile": Part(gpu_profile.profile, 60),
    "k_center": Part(gpu_parts.k_center, 90),
    "analytic": Part(gpu_parts.analytic, 60),
    "embedding": Part(gpu_parts.embedding, 90),
}
"""By name, in order of importance."""


class Report:
    """The result of one part, written after every value."""

    def __init__(self, path: Path) -> None:
        self.path, self.values = path, {}

    def add(self, **values) -> None:
        """Add values and write the file."""
        self.values.update(values)
        part = self.path.with_suffix(".part")
        part.write_text(json.dumps(self.values))
        part.replace(self.path)


def run_part(name, path, toy, **options):
    """Run one part in this process; whatever happens is in its report."""
    report = Report(path)
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["CURADIFF_HOME"] = str(Path(folder, "home"))
        try:
            PARTS[name].run(report, Path(folder), toy, **options)
        except ImportError as fault:
            report.add(left_out=f"{fault}; the part needs it")
        except Exception:
            report.add(error=traceback.format_exc())
    report.add(part_seconds=round(time.perf_counter() - begin, 1), commit=provenance.commit())


class Started:
    """A part in a process of its own."""

    def __init__(self, name, path, seconds, *options) -> None:
        self.name, self.path, self.deadline = name, path, time.monotonic() + seconds
        self.process, self.outcome = None, {}
        if seconds < 10:
            self.outcome = {"left_out": "no time was left"}
            return
        command = [sys.executable, __file__, "--part", name, "--out", str(path), *options]
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=self.errors)

    def result(self) -> dict:
        """Wait for the end, at most until the deadline; return the part's report."""
        if self.process is not None:
            try:
                status = self.process.wait(max(0.0, self.deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                self.outcome = {"error": "took too long; what it has measured is kept"}
            else:
                if status:
                    self.errors.seek(0)
                    self.outcome = {"error": f"exit status {status}: {self.errors.read()[-3000:]}"}
        values = json.loads(self.path.read_text()) if self.path.exists() else {}
        return {**values, **self.outcome}


def versions():
    installed = {}
    for name in PACKAGES:
        try:
            installed[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            installed[name] = None
    return installed


def run_all(names, results, out, seconds, *options, compile_first=True):
    """Run parts on the GPU; the file ``out`` is written after each."""
    deadline = time.monotonic() + seconds

    def keep(name, values):
        results["parts"][name] = values
        out.write_text(json.dumps(results, indent=1))
        print(name, json.dumps(values, indent=1), flush=True)

    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(Path(folder, "compiled")))
        checks, compiling = [], []
        for name in names:
            path, limit = Path(folder, f"{name}.json"), min(PARTS[name].seconds, seconds)
            if PARTS[name].checks:
                checks.append(Started(name, path, limit))
            elif PARTS[name].compiles and compile_first:
                cache = Path(folder, f"{name}-compiling.json")
                compiling.append(Started(name, cache, 1.5 * limit, "--compile-only"))
        for part in checks:
            keep(part.name, part.result())
        results["compiling"] = {part.name: part.result() for part in compiling}
        for name in names:
            if not PARTS[name].checks:
                limit = min(PARTS[name].seconds, deadline - time.monotonic())
                path = Path(folder, f"{name}.json")
                keep(name, Started(name, path, limit, *options).result())


def add_to_results_of_before(out, results):
    """Take over what the file has of the same card and packages: its parts, and its notes."""
    before = json.loads(out.read_text()) if out.exists() else {}
    if all(before.get(key) == results[key] for key in ("card", "python", "packages")):
        results.update({key: before[key] for key in ("notes", "parts") if key in before})


def rehearse(names, results, out):
    """Run parts at toy size in this process."""
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            path = Path(folder, f"{name}.json")
            run_part(name, path, toy=True)
            results["parts"][name] = json.loads(path.read_text())
            out.write_text(json.dumps(results, indent=1))
            print(name, json.dumps(results["parts"][name], indent=1), flush=True)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("gpu-results.json"))
    parser.add_argument("--minutes", type=float, default=8, help="for all parts together")
    parser.add_argument("--only", nargs="+", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--rehearse", action="store_true", help="toy size, on the CPU")
    parser.add_argument(
        "--compiled",
        action="store_true",
        help="do not compile first: TORCHINDUCTOR_CACHE_DIR holds what an earlier run compiled",
    )
    parser.add_argument("--no-compiling", action="store_true", help="leave out what compiles")
    parser.add_argument("--part", choices=list(PARTS), help=argparse.SUPPRESS)
    parser.add_argument("--compile-only", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.part:
        options = {"compile_only": True} if args.compile_only else {}
        if args.no_compiling and PARTS[args.part].compiles:
            options["compiling"] = False
        run_part(args.part, args.out, toy=False, **options)
        return
    if not args.rehearse and not torch.cuda.is_available():
        sys.exit("no CUDA device here; --rehearse runs every part at toy size on the CPU")
    results = {
        "card": "CPU, toy size" if args.rehearse else torch.cuda.get_device_name(),
        "python": platform.python_version(),
        "packages": versions(),
    }
    results["parts"] = {}
    add_to_results_of_before(args.out, results)
    if args.rehearse:
        rehearse(args.only, results, args.out)
    else:
        seconds = 60 * args.minutes
        compile_first = not (args.compiled or args.no_compiling)
        options = ["--no-compiling"] if args.no_compiling else []
        run_all(args.only, results, args.out, seconds, *options, compile_first=compile_first)


if __name__ == "__main__":
    main()
