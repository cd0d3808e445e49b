"""``doctor``: what is installed, what works here, and what a study would take."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from .. import runs
from ..common.errors import EnvironmentFault
from ..config import EmbedSettings, EvaluateSettings, StudySettings
from ..datasets import database, views
from ..runs.provenance import installed
from ..version import __version__

PACKAGES = (
    "fiftyone",
    "torch",
    "torchvision",
    "diffusers",
    "accelerate",
    "open_clip_torch",
    "timm",
    "scikit-learn",
    "numpy",
    "pillow",
)
TESTED = ("1.20.0", "1.22.1")  # versions of FiftyOne that the tests ran with


@dataclass
class Finding:
    """One line of the doctor's report.

    Attributes:
        subject: What was looked at.
        message: What was found.
        good: False where something needs mending.
        missing: True for what can be done without, and is not here.
    """

    subject: str
    message: str
    good: bool = True
    missing: bool = False

    @property
    def mark(self) -> str:
        """What its line begins with."""
        return "--" if self.missing else "ok" if self.good else "!!"


@dataclass
class Doctor:
    """What the doctor found."""

    findings: list[Finding] = field(default_factory=list)

    @property
    def healthy(self) -> bool:
        """True when nothing needs mending."""
        return all(finding.good for finding in self.findings)

    def text(self, *, brief: bool = False) -> str:
        """Lay the findings out for a terminal.

        Args:
            brief: Only what needs mending.
        """
        shown = [finding for finding in self.findings if not (brief and finding.good)]
        lines = [f"{finding.mark}  {finding.subject:<12} {finding.message}" for finding in shown]
        end = "Everything needed is here." if self.healthy else "Mend the lines marked !! first."
        return "\n".join([*lines, end])

    def __str__(self) -> str:
        return self.text()


def doctor(*, fix: bool = False, study: StudySettings | None = None) -> Doctor:
    """Look at this machine and say what works.

    Args:
        fix: Install the database server where it is missing.
        study: A study whose disk use is estimated; by default one with default settings.
    """
    report = Doctor()
    report.findings.append(Finding("curadiff", f"{__version__} in {Path(__file__).parents[1]}"))
    for package in PACKAGES:
        version = installed(package)
        message = version or f"not installed; run: pip install {package}"
        report.findings.append(Finding(package, message, version is not None))
    report.findings += [_tested(), _device(), *_database(fix=fix), *_weights(), _disk(study)]
    return report


def _tested() -> Finding:
    version = installed("fiftyone")
    if version in TESTED:
        return Finding("versions", f"tested with FiftyOne {', '.join(TESTED)}")
    return Finding("versions", f"tested with FiftyOne {', '.join(TESTED)}, this is {version}")


def _device() -> Finding:
    try:
        import torch
    except ImportError as fault:
        return Finding("device", f"torch cannot be imported ({fault})", good=False)
    if torch.cuda.is_available():
        memory = torch.cuda.get_device_properties(0).total_memory / 2**30
        return Finding("device", f"{torch.cuda.get_device_name(0)}, {memory:.0f} GiB")
    if torch.backends.mps.is_available():
        return Finding("device", "Apple GPU (mps)")
    return Finding(
        "device",
        f"no GPU, {os.cpu_count()} CPU cores: fine for the demo and for selecting; training at "
        "128 pixels wants a GPU",
    )


def _database(*, fix: bool) -> list[Finding]:
    try:
        message = database.mend() if fix else _mongod()
        fo = database.fiftyone()
    except EnvironmentFault as fault:
        return [Finding("database", str(fault), good=False)]
    where = views.location()["server"]  # its address may hold a password
    return [
        Finding("database", f"{message}; it started, data in {where}"),
        Finding("data sets", f"{len(fo.list_datasets())} in it"),
    ]


def _mongod() -> str:
    path = database.mongod()
    if path is None and not os.environ.get("FIFTYONE_DATABASE_URI"):
        raise EnvironmentFault(
            "mongod is missing: FiftyOne could not download it when it was installed. Run: "
            "curadiff doctor --fix"
        )
    return f"mongod is {path}" if path else "FIFTYONE_DATABASE_URI is set"


def _weights() -> list[Finding]:
    """Say whether the encoders are here that the verbs take where none is named."""
    from ..encoders import presence, weights

    where = f"looked for in {weights.folder()}, then in the caches of Hugging Face and torch"
    findings = [Finding("weights", where)]
    for verb, settings, instead in (
        ("embed", EmbedSettings, "builtin"),
        ("evaluate", EvaluateSettings, "scattering"),
    ):
        name = settings.model_fields["encoder"].default
        here = presence.is_here(name)
        message = f"{name} is {'' if here else 'not '}here, which {verb} takes by default"
        if not here:
            message += f"; take --encoder {instead}, which needs no weights, or give them"
        findings.append(Finding("encoder", message, missing=not here))
    return findings


def _disk(study: StudySettings | None) -> Finding:
    config = study or StudySettings()
    need = disk_of(config)
    home = runs.home()
    existing = next(path for path in (home, *home.parents) if path.exists())
    free = shutil.disk_usage(existing).free
    trainings = trainings_of(config)
    message = (
        f"{_size(free)} free in {home}; a study of {trainings} trainings with these settings takes "
        f"about {_size(need)}"
    )
    return Finding("disk", message, good=free > need)


def disk_of(config: StudySettings) -> int:
    """Estimate the bytes that a study writes: checkpoints, the models and images."""
    import torch

    from ..diffusion.networks import network
    from ..diffusion.train import checkpoint

    per_training = 0  # the network analytic links the prepared images, which are there already
    if config.train.network != "analytic":
        with torch.device("meta"):  # shapes only, no memory
            count = sum(weight.numel() for weight in network.build(config.train).parameters())
        per_training = checkpoint.disk_bytes(count, config.train)
    per_image = 1.6 * config.train.image_size**2  # bytes of a photograph as PNG
    return int(trainings_of(config) * (per_training + config.generate.count * per_image))


def trainings_of(config: StudySettings) -> int:
    """Count the trainings of a study: arms with their selections, times seeds."""
    return sum(len(config.draws_of(arm)) for arm in config.arms) * len(config.seeds)


def _size(count: float) -> str:
    for unit in ("bytes", "KB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
