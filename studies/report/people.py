"""What people said of a study's arms, beside its metrics: in its report and its panel."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ... import preferences
from ...common.errors import DataError
from ...datasets import ratings
from ...preferences import Results
from ...preferences.against_metrics import Agreement, agreement_with
from ..comparing import SHOWN


@dataclass(frozen=True)
class People:
    """A study of people over the generated images of a study.

    Attributes:
        name: Its name.
        results: What the votes mean.
        agreements: How each metric orders the arms against people; empty without a ranking.
    """

    name: str
    results: Results
    agreements: list[Agreement]


def rated_studies(generated: str, outcomes: Sequence[Mapping[str, Any]]) -> list[People]:
    """Find the studies of people that have votes on a study's generated images.

    Args:
        generated: Name of the data set with the generated images.
        outcomes: The study's outcomes, one per training.
    """
    rated = []
    for name in ratings.rating_names(dataset=generated):
        votes = ratings.open_rating(name).votes()
        if preferences.effective(votes):
            results = preferences.results(votes)
            rated.append(People(name, results, metric_agreements(results, outcomes)))
    return rated


def metric_agreements(results: Results, outcomes: Sequence[Mapping[str, Any]]) -> list[Agreement]:
    """Compare people's order of the arms with that by each metric.

    Args:
        results: What people said.
        outcomes: A study's outcomes: ``arm`` and ``values`` by reference and metric.

    Returns:
        One for each metric that has values for two or more arms; none without a ranking.
    """
    if not results.ranking or not outcomes:
        return []
    reference = "held_out" if "held_out" in outcomes[0]["values"] else "pool"
    agreements = []
    for metric, (title, better) in SHOWN.items():
        values: dict[str, list[float]] = {}
        for outcome in outcomes:
            value = outcome["values"].get(reference, {}).get(metric)
            if value is not None:
                values.setdefault(outcome["arm"], []).append(value)
        means = {arm: float(np.mean(own)) for arm, own in values.items()}
        try:
            agreements.append(
                agreement_with(
                    results, metric=title, values=means, higher_is_better=better == "higher"
                )
            )
        except DataError:  # fewer than two arms have both: nothing to compare
            continue
    return agreements


def people_section(rated: Sequence[People]) -> str:
    """Return the part of a report about people, empty without votes."""
    return "".join(_one(people) for people in rated)


def _one(people: People) -> str:
    sentences = "".join(f"<li>{html.escape(text)}</li>" for text in people.results.sentences)
    rows = "".join(
        f"<tr><th>{html.escape(pair.first)} over {html.escape(pair.second)}</th><td>{pair.wins}"
        f"</td><td>{pair.ties}</td><td>{pair.losses}</td><td>{pair.raters}</td>"
        f"<td>{pair.rate:.0%}</td><td>{pair.interval[0]:.0%} to {pair.interval[1]:.0%}</td></tr>"
        for pair in people.results.pairs
    )
    head = "".join(
        f"<th>{text}</th>"
        for text in ("pair", "wins", "ties", "losses", "raters", "preferred", "95 % interval")
    )
    agree = "".join(
        f"<tr><th>{html.escape(one.metric)}</th><td>{one.tau:.2f}</td><td>{one.p_value:.2g}</td>"
        f"<td>{one.pair_accuracy:.0%}</td></tr>"
        for one in people.agreements
    )
    metrics = ""
    if people.agreements:
        few = people.agreements[0]
        note = (
            f" {len(few.arms)} arms are too few for any order to be significant: full agreement "
            f"would have p = {few.smallest_p:.2g}."
            if few.smallest_p > 0.05
            else ""
        )
        metrics = (
            "<p class=quiet>Does a metric order the arms as people do? Kendall's tau is 1 for the "
            f"same order, -1 for the opposite.{note}</p><div class=scroll><table><thead><tr>"
            "<th>metric</th><th>tau</th><th>p</th><th>pairs alike</th></tr></thead>"
            f"<tbody>{agree}</tbody></table></div>"
        )
    return (
        f"<h2>What people prefer</h2><p class=quiet>Study of people "
        f"{html.escape(people.name)}; a tie counts half.</p><ul>{sentences}</ul><div class=scroll>"
        f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>{metrics}"
    )
