"""Imports, killed at each of their writes and repeated, or two at once: one and the same end."""

from __future__ import annotations

import shutil

import curadiff
import fiftyone as fo
import numpy as np
import pytest
from curadiff.datasets import evaluations, generated, identity
from PIL import Image


def folder_of(path, count, *, first=0, label="red"):
    """Draw ``count`` pictures in two splits with a table of labels."""
    rows = ["file,label,price"]
    for number in range(first, first + count):
        name = f"{'train' if number % 2 else 'test'}/{number}.png"
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (6, 6), (number * 9 % 255, number, 90)).save(path / name)
        rows.append(f"{name},{label},{number}")
    (path / "labels.csv").write_text("\n".join(rows) + "\n")
    return path


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    return folder_of(tmp_path_factory.mktemp("photographs"), 6)


@pytest.fixture(scope="module")
def grown(tmp_path_factory, photographs):
    """Two folders that are one at two times: the second has more images and other labels."""
    return photographs, folder_of(tmp_path_factory.mktemp("grown"), 10, label="blue")


def bring(folder, **settings):
    def work():
        curadiff.import_images(folder, name="photos", **settings)

    return work


def nothing():
    fo.list_datasets()


def good(outcome, positions=None, *, at_least=1):
    """Every write was tried, as many as are known, and all came to one end."""
    print(f"{outcome.tried} of {outcome.writes} positions, {len(outcome.failures)} differ")
    assert not outcome.failures, "\n".join(outcome.failures)
    assert outcome.tried == outcome.writes >= at_least
    assert positions in (None, outcome.writes)


def test_a_new_data_set_appears_whole_wherever_it_was_killed_in_thirds(harness, photographs):
    outcome = harness.positions(nothing, bring(photographs), every=10)
    assert not outcome.failures, "\n".join(outcome.failures)
    assert (outcome.tried, outcome.writes) == (3, 30)


@pytest.mark.slow
def test_a_new_data_set_appears_whole(harness, photographs):
    good(harness.positions(nothing, bring(photographs)), 30)


@pytest.mark.slow
def test_a_folder_that_has_grown_and_changed(harness, photographs, tmp_path):
    folder = tmp_path / "photos"
    shutil.copytree(photographs, folder)

    def first():
        bring(folder)()
        folder_of(folder, 9, label="blue")

    good(harness.positions(first, bring(folder, update=True)), 24)


@pytest.mark.slow
def test_a_moved_folder(harness, photographs, tmp_path):
    folder, later = tmp_path / "photos", tmp_path / "later"
    shutil.copytree(photographs, folder)

    def first():
        bring(folder)()
        folder.rename(later)

    good(harness.positions(first, bring(later, repoint=True)), 20)


@pytest.mark.slow
def test_a_copy_of_a_data_set(harness, photographs):
    def copy(count):
        def work():
            view = fo.load_dataset("photos").match_tags("none", bool=False).limit(count)
            curadiff.import_images(view, name="copied")

        return work

    good(harness.positions(bring(photographs), copy(4)), 12)

    def first():
        bring(photographs)()
        copy(2)()

    good(harness.positions(first, copy(6)), 20)


def link(folder, *, run="a-run", arm="full", count=5):
    def work():
        generated.add_generated(
            "made",
            paths=[folder / "test" / f"{2 * n}.png" for n in range(count)],
            seeds=range(count),
            source=identity.load("photos"),
            run=run,
            uid="0123",
            arm=arm,
            training_seed=0,
            origin={"checkpoint": 4, "sampler": "ddim"},
        )

    return work


@pytest.mark.slow
def test_generated_images(harness, grown):
    folder = grown[1]
    good(harness.positions(bring(folder), link(folder)), 30)

    def first():
        bring(folder)()
        link(folder, count=3)()

    good(harness.positions(first, link(folder)), 22)


def judge(key="evaluation"):
    def work():
        real, made = identity.load("photos"), identity.load("made")
        ids, images = made.values("id"), real.values("id")
        evaluations.write_evaluation(
            made,
            real,
            key,
            values={"precision": 0.5},
            config={"encoder": "made up"},
            generated_ids=ids,
            generated_fields={"realism": np.arange(len(ids), dtype=np.float32)},
            reference_ids=images[:4],
            reference_fields={
                "covered": np.array([True, False, True, False]),
                "nearest_generated_id": np.array(ids[:4], dtype=object),
            },
        )

    return work


@pytest.mark.slow
def test_an_evaluation(harness, grown):
    def first():
        bring(grown[1])()
        link(grown[1])()

    good(harness.positions(first, judge()), at_least=12)
    harness.restore()
    found = harness.together([judge("one"), judge("two"), judge("three")])
    assert not [one for one in found if isinstance(one, Exception)], found
    stored = harness.snapshot()["datasets"]
    kept = stored["made"]["info"]["curadiff"]["evaluations"]
    assert set(kept) == {"one", "three", "two"}
    assert {f"evaluate_{key}" for key in kept} == set(stored["made"]["runs"])
    fields = {field["name"] for field in stored["photos"]["sample_fields"]}
    assert {f"{key}_covered" for key in kept} <= fields


def test_two_at_once_add_once(harness, grown):
    folder = grown[1]
    for state, works, samples in (
        (nothing, [bring(folder)] * 2, {"photos": 10}),
        (bring(folder), [link(folder)] * 2, {"photos": 10, "made": 5}),
        (bring(folder), [link(folder, run="renamed"), link(folder)], {"photos": 10, "made": 5}),
    ):
        harness.save(state)
        for _ in range(2):
            harness.restore()
            found = harness.together(works)
            assert not [one for one in found if isinstance(one, Exception)], found
            stored = harness.snapshot()["datasets"]
            assert {name: len(one["samples"]) for name, one in stored.items()} == samples
