"""``leave_out``: an arm for each value of a field, of random images without that value.

They have the study's budget, as the arm of random images of all values has, so that what differs
is the value alone and not the number of images.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from ..common.errors import SettingsError
from ..config import ArmSettings, StudySettings
from ..datasets import reading

MOST = 40  # values; each is several trainings


def with_left_out(config: StudySettings, dataset: Any, view: Any) -> StudySettings:
    """Return the settings with an arm for each value that is left out, and one of all values.

    Raises:
        SettingsError: The field has fewer than two values, or too many.
        DataError: The field does not exist.
    """
    field = config.leave_out
    if field is None:
        return config
    ids = reading.read_paths(view).ids
    values = [value for value in reading.field_values(dataset, ids, field) if value is not None]
    counted = Counter(str(value) for value in values)
    if not 2 <= len(counted) <= MOST:
        raise SettingsError(
            f"leave_out: the field {field!r} has {len(counted)} values; 2 to {MOST} are needed. "
            "Name a field such as the supplier or the class."
        )
    names = {arm.name for arm in config.arms}
    added = []
    if baseline(config) is None:
        name = "random" if "random" not in names else "random-of-all"
        added.append(ArmSettings(name=name, method="random"))
    left_out = {arm.without for arm in config.arms}
    for value, _ in counted.most_common():
        without = f"{field}={value}"
        if without in left_out:
            continue
        name = _unused(f"without-{_slug(value)}", names)
        names.add(name)
        added.append(ArmSettings(name=name, method="random", without=without))
    return config.changed(arms=[*config.arms, *added]) if added else config


def baseline(config: StudySettings) -> str | None:
    """Name the arm of random images of all values that left-out ones are compared with."""
    return next(
        (
            arm.name
            for arm in config.arms
            if arm.method == "random"
            and arm.budget in (None, config.budget)
            and not (arm.tag or arm.view or arm.without or arm.options)
        ),
        None,
    )


def _slug(value: str) -> str:
    return re.sub(r"[^\w.+-]+", "-", value).strip("-") or "empty"


def _unused(name: str, names: set[str]) -> str:
    number, unused = 1, name
    while unused in names:
        number += 1
        unused = f"{name}-{number}"
    return unused
