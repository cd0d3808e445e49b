"""What a study says of its values: each answer by its rule, the chance by counting."""

from __future__ import annotations

from itertools import combinations, permutations

import numpy as np
import pytest
from curadiff.studies import chance, comparing
from curadiff.studies.conclusions import (
    BETTER,
    NOT_DISTINGUISHABLE,
    NOTHING,
    UNUSABLE,
    conclude,
)
from scipy import stats

REAL = {"frechet_distance": 0.1, "precision": 0.8, "recall": 0.6}


def outcome(arm, seed, *, counts=(60, 48), real=None, **values):
    """One training's record, as the judge writes it."""
    real = REAL if real is None else real
    records = {
        name: {
            "value": value,
            "null": real.get(name),
            "n_null": list(counts),
            "excess": value - real[name] if name in real else None,
        }
        for name, value in values.items()
    }
    return {
        "arm": arm,
        "seed": seed,
        "values": {"held_out": values},
        "full": {"held_out": {"records": records}},
        "counts": {"held_out": [60, 48]},
    }


def cells(**arms):
    """Trainings whose Frechet distances are given, with good precision and recall."""
    return [
        outcome(arm, seed, frechet_distance=value, precision=0.7, recall=0.5)
        for arm, values in arms.items()
        for seed, value in enumerate(values)
    ]


def by_dealing(sizes):
    """Share of all ways to deal ranks over arms in which one arm has the best ones."""
    ranks = range(sum(sizes))
    led = every = 0

    def deal(rest, left, hands):
        nonlocal led, every
        if not left:
            every += 1
            led += any(
                all(max(hand) < min(other) for other in hands if other is not hand)
                for hand in hands
            )
            return
        for hand in combinations(sorted(rest), left[0]):
            deal(rest - set(hand), left[1:], [*hands, hand])

    deal(set(ranks), list(sizes), [])
    return led / every


@pytest.mark.parametrize("sizes", [(2, 2), (1, 1, 1), (2, 2, 2, 2), (3, 3, 3), (2, 3), (1, 2, 3)])
def test_the_chance_of_a_leader_is_what_dealing_gives(sizes):
    assert chance.chance_of_leader(sizes) == pytest.approx(by_dealing(sizes))


def test_the_worst_case_is_two_equal_arms_and_others_far_behind():
    assert chance.chance_at_worst(2, [2, 2, 2]) == pytest.approx(1 / 3)
    assert chance.chance_at_worst(3, [3]) == pytest.approx(1 / 10)
    assert chance.chance_at_worst(4, [4, 4]) == pytest.approx(1 / 35)
    sizes = [4, 2, 5]  # by every choice of others, here by hand
    chosen = [s for n in (1, 2, 3) for s in permutations(sizes, n)]
    worst = max(by_dealing([3, *some]) for some in chosen if sum(some) < 8)
    assert chance.chance_at_worst(3, sizes) == pytest.approx(worst)


@pytest.mark.parametrize("seeds", [2, 3, 4, 6])
@pytest.mark.parametrize("behind", [0, 100])
def test_arms_without_a_difference_have_a_winner_in_at_most_one_study_of_twenty(seeds, behind):
    # Four arms: all equal, or two equal and two that are far behind.
    generator = np.random.default_rng(seeds)
    won = 0
    for _ in range(200):
        value = (
            0.2
            + 0.01 * generator.normal(size=(4, seeds))
            + np.array([[0], [0], [1], [1]]) * (behind / 1000)
        )
        found = conclude(cells(**{f"a{i}": list(row) for i, row in enumerate(value)}), "held_out")
        won += found.word == BETTER
    assert won / 200 <= 0.05
    if seeds == 2:
        assert won == 0


def test_a_clear_difference_is_found_with_three_seeds_and_not_with_two():
    found = conclude(cells(full=[0.2, 0.21, 0.19], random=[0.3, 0.31, 0.32]), "held_out")
    assert (found.word, found.best) == (BETTER, "full")
    assert found.text.startswith("full is better: its mean Frechet distance is lower than that of")
    want = stats.ttest_ind([0.3, 0.31, 0.32], [0.2, 0.21, 0.19], equal_var=False)
    low, high = want.confidence_interval(0.95)
    reach = [comparing.number(value) for value in (0.11, low, high)]
    assert "by {} (95 % {} to {}) than that of random".format(*reach) in found.text
    assert "All its 3 trainings are ahead of all others" in found.text
    assert "1 of 10 studies" in found.text
    assert found.ranks == {"full": (1, 1), "random": (2, 2)}
    found = conclude(cells(full=[0.2, 0.21], random=[0.3, 0.31], other=[0.4, 0.5]), "held_out")
    assert (found.word, found.best) == (NOT_DISTINGUISHABLE, None)
    assert "with so few training seeds the order may be chance" in found.text
    assert any(
        note.startswith("With 2 training seeds per arm no interval and no p-value is given")
        for note in found.notes
    )
    assert "<" not in found.text


def test_arms_that_are_not_told_apart_are_named_and_one_arm_is_nothing():
    found = conclude(
        cells(full=[0.2, 0.4, 0.3], random=[0.3, 0.5, 0.4], other=[0.9, 0.91, 0.92]), "held_out"
    )
    assert found.text == (
        "Not distinguishable: full has the best mean Frechet distance, but it is not told from "
        "random at 5 % over all pairs of arms."
    )
    assert found.ranks == {"full": (1, 2), "random": (1, 2), "other": (3, 3)}
    alone = conclude(cells(full=[0.2], random=[0.3]), "held_out")
    assert any("With one training seed per arm" in note for note in alone.notes)
    assert conclude(cells(full=[0.2, 0.3]), "held_out").word == NOTHING


def test_the_spread_over_selections_and_over_seeds_is_said():
    table = np.array([[0.2, 0.22, 0.21], [0.4, 0.42, 0.44], [0.3, 0.32, 0.31]])
    rows = [
        {**outcome("random", seed, frechet_distance=value, precision=0.7, recall=0.5), "draw": draw}
        for (draw, seed), value in np.ndenumerate(table)
    ]
    found = conclude([*rows, *cells(full=[0.6, 0.61, 0.62])], "held_out")
    within = table.var(axis=1, ddof=1).mean()
    between = np.sqrt(table.mean(axis=1).var(ddof=1) - within / 3)
    want = (
        f"of random differs by {comparing.number(between)} (standard deviation) over its "
        f"selections and by {comparing.number(np.sqrt(within))} over training seeds"
    )
    assert any(want in note for note in found.notes)
    assert set(found.spread) == {"full", "random"}


def test_unfinished_models_have_no_winner():
    noise = [
        outcome(arm, seed, frechet_distance=0.15, precision=value, recall=0.0)
        for arm, value in (("full", 0.01), ("typicality", 0.0))
        for seed in range(5)
    ]
    found = conclude(noise, "held_out")
    assert (found.word, found.best) == (UNUSABLE, None)
    assert not found.below_word.lower().startswith("not comparable")
    assert found.text.lower() == f"{found.word}. {found.below_word}".lower()
    assert "recall 0 where real images score 0.600" in found.text
    far = [o for arm in ("a", "b") for o in cells(**{arm: [1.3, 1.3]})]
    found = conclude(far, "held_out")
    assert found.word == UNUSABLE
    assert "12 times the distance between real images" in found.text


def test_an_unfinished_arm_comes_last_and_never_wins():
    rows = cells(good=[0.3, 0.3, 0.3, 0.3]) + [
        outcome("bad", seed, frechet_distance=0.2, precision=0.1, recall=0.5) for seed in range(4)
    ]
    found = conclude(rows, "held_out")
    assert (found.word, found.best) == (NOT_DISTINGUISHABLE, None)
    assert "the models of all other arms are unfinished" in found.text
    assert found.order == ["good", "bad"]
    assert any("1 of 2 arms are not usable yet: bad has precision 0.100" in n for n in found.notes)


def test_scores_at_or_above_real_ones_are_a_warning():
    rows = [
        outcome(arm, seed, frechet_distance=0.2, precision=0.92, recall=0.4)
        for arm in ("full", "random")
        for seed in range(2)
    ]
    said = conclude(rows, "held_out").notes
    assert any("precision (full 0.920, random 0.920; real images 0.800)" in note for note in said)
    honest = conclude(cells(full=[0.2], random=[0.3]), "held_out").notes
    assert not any("fool" in note for note in honest)
    copies = conclude(cells(full=[0.1, 0.1], random=[0.3, 0.3]), "held_out").notes
    assert any("Frechet distance (full 0.100; real images 0.100)" in note for note in copies)


def test_a_study_without_a_frechet_distance_has_a_table_and_an_answer():
    rows = [
        outcome(arm, seed, precision=0.7, recall=value + seed / 100)
        for arm, value in (("full", 0.5), ("random", 0.4))
        for seed in range(4)
    ]
    found = conclude(rows, "held_out")
    assert (found.word, found.best, found.order) == (BETTER, "full", ["full", "random"])
    assert "its mean recall is higher than" in found.text
    lines = comparing.as_text(comparing.table(rows, "held_out")).splitlines()
    assert [line.split()[0] for line in lines[2:]] == ["full", "random"]
    only = [outcome("full", 0, memorized=0.1), outcome("random", 0, memorized=0.2)]
    assert "no metric" in conclude(only, "held_out").text
    assert "random" in comparing.as_text(comparing.table(only, "held_out"))


def test_what_is_missing_is_said():
    found = conclude(cells(full=[0.2], random=[0.3]), "held_out", missing=["full-s1"])
    assert found.notes[0] == "1 training is missing here (full-s1), so this may change."
    bare = [outcome("full", 0, real={}, recall=0.1), outcome("random", 0, real={}, recall=0.2)]
    assert any("was not measured" in note for note in conclude(bare, "held_out").notes)


def test_two_values_are_both_shown_and_three_have_a_deviation():
    assert str(comparing.spread({1: 0.3, 0: 0.2})) == "0.200 / 0.300"
    assert str(comparing.spread({0: 0.25})) == "0.250"
    assert str(comparing.spread({0: 1.0, 1: 2.0, 2: 3.0})) == "2.00 ± 1.00"


def test_the_row_of_real_images_says_its_own_counts():
    rows = cells(full=[0.2])
    real = comparing.real_scores(rows, "held_out")
    assert comparing.real_counts_text(rows, "held_out", real) == ""
    halves = [outcome("full", 0, counts=(34, 34), frechet_distance=0.2)]
    real = comparing.real_scores(halves, "held_out")
    assert "34 and 34 images (Frechet distance)" in comparing.real_counts_text(
        halves, "held_out", real
    )
    text = comparing.as_text(comparing.table(halves, "held_out"), real)
    assert text.splitlines()[0].split()[:4] == ["arm", "Frechet", "distance", "excess"]
    assert text.splitlines()[2].split() == ["full", "0.200", "0.100", "1"]
