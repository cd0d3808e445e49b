"""The first chart of a report: how far each arm is from a baseline, with intervals."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ... import runs
from ...common.errors import RunError
from ...common.page import track_row
from ...runs import Run
from .. import comparing
from .charts import colors

RECORD = "study.json"


@dataclass(frozen=True)
class Difference:
    """What an arm's value is above the baseline's.

    Attributes:
        arm: The arm.
        value: Its mean minus the baseline's.
        low: Lower end of the 95 % interval; None where seeds are too few for one.
        high: Upper end.
        apart: Whether the two can be told apart, with all pairs accounted for.
    """

    arm: str
    value: float
    low: float | None = None
    high: float | None = None
    apart: bool = False


def read_record(run: Run) -> dict[str, Any]:
    """Read what a study has worked out beside its values; empty where it has not."""
    path = run.path / RECORD
    try:
        return runs.read_json(path) if path.exists() else {}
    except RunError:  # damaged: the report shows what the outcomes alone say
        return {}


def baseline_arm(order: Sequence[str], random: str | None) -> str:
    """Name the arm that others are compared with: random where there is one, else the first."""
    return random if random in order and random is not None else order[0]


def differences(
    record: Mapping[str, Any],
    rows: comparing.Summary,
    metric: str,
    *,
    order: Sequence[str],
    baseline: str,
) -> list[Difference]:
    """List how far the arms are from the baseline.

    Args:
        record: What the study has worked out; its ``comparisons`` have intervals.
        rows: ``{arm: {metric: Spread}}``, for arms that were not compared.
        metric: Which values.
        order: The arms, best first.
        baseline: The arm that they are compared with.
    """
    compared: dict[str, Difference] = {}
    for pair in record.get("comparisons", []):
        names = (pair["arm_a"], pair["arm_b"])
        if pair["metric"] != metric or baseline not in names:
            continue
        sign = 1 if names[1] == baseline else -1
        arm = names[0] if sign == 1 else names[1]
        known = pair.get("low") is not None and pair.get("high") is not None
        ends = sorted(sign * pair[side] for side in ("low", "high")) if known else (None, None)
        compared[arm] = Difference(
            arm, sign * pair["difference"], *ends, apart=pair.get("better") is not None
        )
    listed = []
    for arm in order:
        if arm == baseline or metric not in rows[arm] or metric not in rows[baseline]:
            continue
        plain = Difference(arm, rows[arm][metric].mean - rows[baseline][metric].mean)
        listed.append(compared.get(arm, plain))
    return listed


def forest_section(
    record: Mapping[str, Any],
    rows: comparing.Summary,
    *,
    order: Sequence[str],
    random: str | None,
) -> str:
    """Return the chart of differences, empty where there is nothing to compare.

    Args:
        record: What the study has worked out, see `read_record`.
        rows: ``{arm: {metric: Spread}}`` against the reference that ranks the arms.
        order: The arms, best first.
        random: The arm of random selections, if there is one.
    """
    metric = comparing.ranked_by(rows)
    if metric is None or len(order) < 2:
        return ""
    baseline = baseline_arm(order, random)
    listed = differences(record, rows, metric, order=order, baseline=baseline)
    if not listed:
        return ""
    spread = rows[baseline][metric]
    band = [value - spread.mean for value in spread.values.values()]
    ends = [0.0, min(band), max(band), *(one.value for one in listed)]
    ends += [end for one in listed for end in (one.low, one.high) if end is not None]
    low, high = min(ends), max(ends)
    margin = 0.06 * (high - low) or 1.0
    low, high = low - margin, high + margin

    def at(value: float) -> str:
        return f"{100 * (value - low) / (high - low):.2f}%"

    def wide(start: float, end: float) -> str:
        return f"left:{at(start)};width:{100 * (end - start) / (high - low):.2f}%"

    fixed = f"<i class=band style='{wide(min(band), max(band))}'></i>" if len(band) > 1 else ""
    fixed += f"<i class=line style='left:{at(0.0)}'></i>"
    color = colors(list(order))
    lines = []
    for one in listed:
        marks = fixed
        if one.low is not None and one.high is not None:
            marks += (
                f"<i class=whisker style='{wide(one.low, one.high)};--color:{color[one.arm]}'></i>"
            )
        marks += f"<i class=dot style='left:{at(one.value)};--color:{color[one.arm]}'></i>"
        lines.append(track_row(one.arm, marks, _text(one)))
    title, better = comparing.SHOWN[metric]
    name = html.escape(baseline)
    good = ("← better", "worse →") if better == "lower" else ("← worse", "better →")
    explained = (
        " Bars are 95 % intervals."
        if any(one.low is not None for one in listed)
        else (" No interval is shown: that needs three training seeds per arm.")
    )
    if len(band) > 1:
        explained += f" The gray band spans the trainings of {name}."
    return (
        f"<figure class='plot forest'><figcaption>{title[0].upper()}{title[1:]}: difference from "
        f"{name}</figcaption>{''.join(lines)}<div class='row axis'><span></span>"
        f"<span class=track><span>{good[0]}</span><span>{good[1]}</span></span><span></span></div>"
        f"<p class=quiet>{explained.strip()}</p></figure>"
    )


def _text(one: Difference) -> str:
    text = _signed(one.value)
    if one.low is None or one.high is None:
        return text
    return f"{text}<small> {_signed(one.low)} to {_signed(one.high)}</small>"


def _signed(value: float) -> str:
    return f"{'+' if value > 0 else '−' if value < 0 else ''}{comparing.number(abs(value))}"
