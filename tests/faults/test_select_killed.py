"""``select`` killed at each of its writes: the same command goes on, nothing is lost or mixed."""

from __future__ import annotations

import contextlib

import curadiff
import fiftyone as fo
import numpy as np
import pytest
from curadiff.common.errors import DataError
from curadiff.datasets import selections

NAME = "small"
curadiff.select  # noqa: B018, loads the module once here and not in every process


def state():
    """Make a data set of eight samples with vectors and a tag and view of the user's."""
    dataset = fo.Dataset(NAME, persistent=True)
    dataset.add_samples(
        [fo.Sample(filepath=f"/images/{n}.png", source_id=f"{n}") for n in range(8)], progress=False
    )
    x = np.random.default_rng(0).normal(size=(8, 4)).astype(np.float32)
    dataset.add_sample_field("vec", fo.VectorField)
    dataset.set_values("vec", list(x))
    dataset.limit(3).tag_samples("mine")
    dataset.save_view("mine", dataset.limit(3))
    return True


def with_selection():
    state()
    return old()


def old():
    curadiff.select(NAME, method="coreset", budget=3, name="eight")


def new():
    curadiff.select(NAME, method="random", budget=4, name="eight", overwrite=True)


def old_with_overwrite():
    curadiff.select(NAME, method="coreset", budget=3, name="eight", overwrite=True)


def old_if_it_may():
    with contextlib.suppress(DataError):  # where the new one is there, it says so
        old()


def delete():
    with contextlib.suppress(DataError):  # it is gone already
        selections.delete_selection(fo.load_dataset(NAME, reload=True), "eight")


CASES = {
    "new": (state, old, None, None),
    "overwrite": (with_selection, new, None, None),
    "the old command after a killed overwrite": (
        with_selection,
        new,
        old_if_it_may,
        [[], [new]],
    ),
    "overwriting back after a killed overwrite": (
        with_selection,
        new,
        old_with_overwrite,
        [[], [new, old_with_overwrite]],
    ),
    "delete": (with_selection, delete, None, None),
}


@pytest.mark.parametrize("case", CASES)
def test_at_some_writes(harness, case):
    check(harness, case, every=20)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_at_every_write(harness, case):
    check(harness, case, every=1)


def check(harness, case, every):
    make_state, verb, again, expected = CASES[case]
    outcome = harness.positions(make_state, verb, again=again, expected=expected, every=every)
    print(f"{case}: {outcome.tried} of {outcome.writes} positions, {len(outcome.failures)} failed")
    assert outcome.failures == []
    assert outcome.tried >= outcome.writes // every


def test_what_is_the_users_stays(harness):
    harness.save(with_selection)
    dataset = harness.snapshot()["datasets"][NAME]
    assert [view["name"] for view in dataset["saved_views"]] == ["mine", "eight"]
    assert sum("mine" in sample["tags"] for sample in dataset["samples"]) == 3
    assert sum("eight" in sample["tags"] for sample in dataset["samples"]) == 3


@pytest.mark.parametrize("name", ["mine", "Mine", "MINE!", "vec"])
def test_a_name_of_the_users_is_refused_and_nothing_changes(harness, name):
    harness.save(with_field_of_the_users)
    before = harness.snapshot()
    with pytest.raises(DataError, match=f"choose another name, for example '{name}-2'"):
        harness.child(lambda: curadiff.select(NAME, method="random", budget=2, name=name))
    assert harness.snapshot() == before


def with_field_of_the_users():
    state()
    fo.load_dataset(NAME).add_sample_field("vec_rank", fo.StringField)


def test_two_selections_that_would_be_stored_alike_are_told_apart(harness):
    harness.save(with_selection)
    before = harness.snapshot()
    with pytest.raises(DataError, match="has a selection 'eight', whose fields"):
        harness.child(lambda: curadiff.select(NAME, method="random", budget=2, name="Eight"))
    assert harness.snapshot() == before
