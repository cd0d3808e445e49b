"""Pairs are balanced at every moment, blind, reproducible, and restored from what was stored."""

from collections import Counter

import numpy as np
import pytest
from curadiff.common.errors import DataError, SettingsError
from curadiff.preferences import Golden, Schedule

ARMS = {arm: [f"{arm}{number}" for number in range(12)] for arm in ("x", "y", "z", "w")}


def schedule(**options):
    return Schedule(ARMS, **{"seed": 5, **options})


def walk(plan, count, raters=7, seed=0):
    random = np.random.default_rng(seed)
    for _ in range(count):
        yield plan.next(f"r{random.integers(raters)}")


def test_pairs_are_balanced_at_every_moment():
    plan = schedule(repeats=0.1, golden=[Golden("g", "b")], golden_share=0.1)
    for _ in walk(plan, 800):
        counts = plan.counts.values()
        assert max(counts) - min(counts) <= 1


def test_images_and_sides_are_balanced():
    plan = schedule()
    shown = list(walk(plan, 720))
    left = Counter((one.left_arm, one.right_arm) for one in shown)
    for a, b in plan.pairs:
        assert abs(left[a, b] - left[b, a]) <= 1
    for arm in ARMS:
        for other in ARMS:
            of_pair = [one for one in shown if {one.left_arm, one.right_arm} == {arm, other}]
            images = Counter(i for one in of_pair for i in (one.left, one.right) if i[0] == arm)
            assert arm == other or max(images.values()) - min(images.values()) <= 1


def test_a_rater_sees_all_pairs_of_arms_alike():
    plan = schedule()
    shown = list(walk(plan, 900))
    for rater in plan.shown:
        own = Counter(frozenset((o.left_arm, o.right_arm)) for o in shown if o.rater == rater)
        assert max(own.values()) - min(own.values()) <= 8  # of about 21 each


def test_the_same_seed_and_requests_give_the_same_pairs():
    assert list(walk(schedule(), 50)) == list(walk(schedule(), 50))
    assert list(walk(schedule(), 50)) != list(walk(schedule(seed=6), 50))


def test_raters_see_pairs_in_orders_of_their_own():
    plans = [schedule(), schedule()]
    ours = [plans[0].next("anna").left for _ in range(20)]
    theirs = [plans[1].next("ben").left for _ in range(20)]
    assert ours != theirs


def test_a_restored_schedule_goes_on_as_the_first():
    first, second = schedule(repeats=0.2), schedule(repeats=0.2)
    stored = list(walk(first, 200))
    second.restore(stored)
    assert list(walk(first, 100, seed=1)) == list(walk(second, 100, seed=1))


def test_a_pair_left_without_an_answer_is_shown_to_somebody_else():
    plan = schedule()
    left = plan.next("anna")
    before = plan.counts
    plan.release(left)
    assert sum(plan.counts.values()) == sum(before.values()) - 1
    again = plan.next("anna")
    assert again.id != left.id  # a late answer to the first is not taken for one to the second


def test_repeats_swap_sides_and_come_later():
    plan = schedule(repeats=0.2)
    shown = [plan.next("anna") for _ in range(100)]
    repeats = [one for one in shown if one.kind == "repeat"]
    assert 15 <= len(repeats) <= 21
    for one in repeats:
        first = next(o for o in shown if (o.left, o.right) == (one.right, one.left))
        assert one.number - first.number > 5


def test_golden_pairs_come_as_often_as_asked_on_either_side():
    plan = schedule(golden=[Golden("good", "bad")], golden_share=0.1)
    shown = [plan.next("anna") for _ in range(400)]
    golden = [one for one in shown if one.kind == "golden"]
    assert 39 <= len(golden) <= 41
    assert 0 < sum(one.expected == "left" for one in golden) < len(golden)
    assert all((one.left == "good") == (one.expected == "left") for one in golden)


def test_same_noise_pairs_stand_at_the_same_place_of_both_lists():
    for one in walk(schedule(matched=True), 60):
        assert one.left[1:] == one.right[1:]


def test_identities_say_nothing_of_what_is_shown():
    for one in walk(schedule(), 50):
        assert not any(word in one.id for word in (one.left, one.right, one.rater))


@pytest.mark.parametrize(
    ("images", "options", "error"),
    [
        ({"x": ["1"]}, {}, DataError),
        ({"x": ["1"], "y": []}, {}, DataError),
        ({"x": ["1"], "y": ["2", "3"]}, {"matched": True}, DataError),
        ({"x": ["1"], "y": ["2"]}, {"repeats": 0.9}, SettingsError),
        ({"x": ["1"], "y": ["2"]}, {"golden_share": 0.1}, SettingsError),
    ],
)
def test_what_cannot_be_scheduled_is_refused(images, options, error):
    with pytest.raises(error):
        Schedule(images, **options)
