"""Difficulty and preview-harm: which values the picks have."""

import numpy as np
import pytest
from curadiff.common.errors import SettingsError
from curadiff.selectors import select
from curadiff.selectors.difficulty import even_places, spread_order


def test_every_kth_of_the_sorted_samples_is_taken(clusters):
    x, _ = clusters(n=300)
    values = np.random.default_rng(0).permutation(300).astype(float)
    picked = select(x, 60, method="difficulty", weights=values).indices
    assert sorted(values[picked]) == [5 * place + 2 for place in range(60)]


def test_each_group_has_its_own_steps(clusters):
    x, _ = clusters(n=300)
    values = np.random.default_rng(0).permutation(300).astype(float)
    group = (values >= 200).astype(int)  # the hard third is a class of its own
    picked = select(
        x, 30, method="difficulty", weights=values, groups=group, quotas={0: 20, 1: 10}
    ).indices
    easy = sorted(values[picked][group[picked] == 0])
    hard = sorted(values[picked][group[picked] == 1])
    assert easy == [10 * place + 5 for place in range(20)]
    assert hard == [200 + 10 * place + 5 for place in range(10)]


def test_first_picks_are_spread_over_all_degrees():
    assert sorted(spread_order(37)) == list(range(37))
    first = np.sort(spread_order(64)[:8])
    assert np.diff(first).tolist() == [8] * 7
    assert even_places(10, 10).tolist() == list(range(10))
    assert even_places(7, 0).tolist() == []


def test_the_most_harmful_are_left_out_and_the_base_method_chooses(clusters):
    x, _ = clusters(n=300)
    harm = np.random.default_rng(1).normal(size=300)
    worst = set(np.argsort(-harm)[:60].tolist())
    picked = select(x, 80, method="preview-harm", weights=harm, harm_fraction=0.2)
    assert not worst & set(picked.indices.tolist())
    assert picked.settings["left_out"] == 60
    assert "60 samples of most harm were left out" in picked.stop_reason
    rest = select(x, 80, method="typicality", exclude=sorted(worst))
    assert picked.indices.tolist() == rest.indices.tolist()


def test_random_can_be_the_base_and_harmless_samples_stay(clusters):
    x, _ = clusters(n=300)
    harm = np.where(np.arange(300) < 10, 1.0, -1.0)
    picked = select(
        x, 290, method="preview-harm", weights=harm, harm_fraction=0.5, base_method="random"
    )
    assert sorted(picked.indices) == list(range(10, 300))


def test_no_more_is_left_out_than_quota_and_budget_allow(clusters):
    x, labels = clusters(n=300)
    harm = np.ones(300)
    size = int((labels == 0).sum())
    picked = select(
        x,
        size,
        method="preview-harm",
        weights=harm,
        groups=labels,
        quotas={0: size},
        base_method="random",
    )
    assert set(labels[picked.indices]) == {0}
    assert picked.shortfall == 0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"method": "difficulty"}, "no values were given; give weights"),
        ({"method": "preview-harm"}, "make a preview and give its harm"),
        ({"method": "preview-harm", "weights": np.ones(300), "harm_fraction": 1.0}, "below 1"),
        (
            {"method": "preview-harm", "weights": np.ones(300), "base_method": "top"},
            "base_method must be",
        ),
    ],
)
def test_what_is_missing_or_wrong_is_said(settings, message, clusters):
    with pytest.raises(SettingsError, match=message):
        select(clusters()[0], 10, **settings)
