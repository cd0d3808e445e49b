"""Names of a study's trainings and data sets on disk, in a data set and on a page."""

from __future__ import annotations


def training_key(arm: str, seed: int, *, draw: int | None = None, study: str | None = None) -> str:
    """Return the name of a training of a study: ``coreset-s0``, or ``STUDY-coreset-s0``.

    Args:
        arm: Name of the arm.
        seed: Its seed.
        draw: Seed of the selection where that is another one: ``random-d2-s0``.
        study: Name of the study with its version; given where the name has to be unique outside
            the study, as of runs, selections and evaluations.
    """
    name = f"{arm}-s{seed}" if draw in (None, seed) else f"{arm}-d{draw}-s{seed}"
    return under(study, name) if study else name


def under(study: str, name: str) -> str:
    """Return the name of a study's thing outside that study: ``STUDY-NAME``."""
    return f"{study}-{name}"


def versioned(name: str, version: int) -> str:
    """Return a study's name with the version of its images: 1 until those of a later day."""
    return name if version == 1 else f"{name}-v{version}"


def generated_dataset(source: str, study: str = "generated") -> str:
    """Return the name of a new data set of generated images: ``SOURCE-STUDY``."""
    return f"{source}-{study}"
