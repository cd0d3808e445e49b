"""From the name of a metric to its module: its values and its fields for one comparison."""

from __future__ import annotations

import importlib
from typing import Any

from ..config.metrics import METRICS
from .arrays import Array
from .context import Context
from .statistic import Statistics

Fields = dict[str, Array]  # by name, one entry per image


def compute(name: str, context: Context) -> Statistics:
    """Compute the values of one metric, by their names.

    Raises:
        DataError: The images do not allow it (too few of them, for instance).
    """
    return _module(name).compute(context)


def fields(names: list[str], context: Context) -> tuple[Fields, Fields]:
    """Return the fields of the generated and of the real images that some metrics give.

    A metric has fields where its module has ``fields(context)``; one that has too few images
    for them returns none.
    """
    generated: Fields = {}
    real: Fields = {}
    for name in names:
        if METRICS[name].generated_fields or METRICS[name].real_fields:
            of_generated, of_real = _module(name).fields(context)
            generated |= of_generated
            real |= of_real
    return generated, real


def detail(name: str, context: Context) -> dict[str, Any]:
    """Return what else the record of a metric says about the images of the comparison itself.

    A metric has more to say where its module has ``detail(context)``.
    """
    describe = getattr(_module(name), "detail", None)
    return {} if describe is None else describe(context)


def notes(names: list[str], context: Context) -> list[str]:
    """Return the sentences that readers of some metrics should see about these images.

    A metric has notes where its module has ``notes(context)``.
    """
    sentences: list[str] = []
    for name in names:
        write = getattr(_module(name), "notes", None)
        sentences += [] if write is None else write(context)
    return list(dict.fromkeys(sentences))


def _module(name: str) -> Any:
    return importlib.import_module(f".{name}", __package__)
