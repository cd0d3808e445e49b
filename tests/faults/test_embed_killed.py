"""``embed`` killed at its writes, overwriting too: a field has the vectors of one encoder."""

from __future__ import annotations

import contextlib

import curadiff
import fiftyone as fo
import numpy as np
import pytest
import torch
from curadiff.common.errors import DataError
from curadiff.datasets import locking, sidebar, vectors
from PIL import Image

NAME = "small"
OTHER = """
def load(weights):
    import torch
    class Mean(torch.nn.Module):
        input_size = 8
        def forward(self, x):
            return torch.cat([x.mean(dim=(2, 3)), x.amax(dim=(2, 3))], dim=1)
    return Mean()
"""
curadiff.embed  # noqa: B018, loads the module once here and not in every process
torch.set_num_threads(1)  # a forked process has none of its parent's threads


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    (folder / "other.py").write_text(OTHER)
    generator = np.random.default_rng(0)
    for number in range(5):
        pixels = generator.integers(0, 255, (12, 10, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    (folder / "5.png").write_bytes(b"no picture")
    return folder


@pytest.fixture
def verbs(images, monkeypatch):
    """Give make_state and verbs over six images, two at a time, the last one damaged."""
    monkeypatch.setattr("curadiff.workflows.vector_sources.CHUNK", 2)

    def state():
        dataset = fo.Dataset(NAME, persistent=True)
        paths = [str(images / f"{number}.png") for number in range(6)]
        dataset.add_samples([fo.Sample(filepath=path) for path in paths], progress=False)

    def embed(encoder="builtin", **more):
        return curadiff.embed(NAME, encoder=encoder, field="vec", progress=False, **more)

    def first():
        embed()

    def embedded():
        state()
        embed()

    def other():
        embed(f"python:{images / 'other.py'}:load", overwrite=True)

    return {"state": state, "first": first, "embedded": embedded, "other": other, "embed": embed}


def check(outcome, every):
    print(f"{outcome.tried} of {outcome.writes} positions, {len(outcome.failures)} failed")
    assert outcome.failures == []
    assert outcome.tried >= outcome.writes // every


@pytest.mark.parametrize("every", [14, pytest.param(1, marks=pytest.mark.slow)])
def test_anew(harness, verbs, every):
    check(harness.positions(verbs["state"], verbs["first"], every=every), every)


@pytest.mark.parametrize("every", [14, pytest.param(1, marks=pytest.mark.slow)])
def test_overwriting_with_another_encoder(harness, verbs, every):
    check(harness.positions(verbs["embedded"], verbs["other"], every=every), every)


def test_a_field_is_in_its_group_wherever_its_preparation_was_killed(harness, verbs):
    def prepare():
        dataset = fo.load_dataset(NAME)
        with locking.exclusive(dataset, "embed"):
            vectors.prepare(dataset, "vec", "an-encoder", overwrite=False)

    check(harness.positions(verbs["state"], prepare), 1)
    groups = harness.undisturbed([prepare])["datasets"][NAME]["app_config"]["sidebar_groups"]
    assert [group["name"] for group in groups if "vec" in group["paths"]] == [sidebar.EMBEDDING]


def test_a_field_that_a_person_took_out_of_its_group_stays_there(harness, verbs):
    harness.save(verbs["embedded"])

    def moved():
        dataset = fo.load_dataset(NAME)
        for group in dataset.app_config.sidebar_groups:
            group.paths = [path for path in group.paths if path != "vec"]
            if group.name == "other":
                group.paths = [*group.paths, "vec"]
        dataset.save()
        verbs["first"]()
        groups = fo.load_dataset(NAME, reload=True).app_config.sidebar_groups
        return [group.name for group in groups if "vec" in group.paths]

    assert harness.child(moved) == ["other"]


@pytest.mark.slow
def test_the_old_encoder_after_a_killed_overwrite(harness, verbs):
    def old():
        with contextlib.suppress(DataError):  # where the new one's vectors are there, it says so
            verbs["first"]()

    kinds = [[], [verbs["other"]]]
    tried = harness.positions(verbs["embedded"], verbs["other"], again=old, expected=kinds)
    left = [one for one in tried.failures if "/curadiff.vectors is" not in one]  # they may wait
    assert left == []


def test_a_field_is_never_mixed_and_done_is_not_presence(harness, verbs, images):
    harness.save(verbs["embedded"])

    def look():
        dataset = fo.load_dataset(NAME)
        again = verbs["embed"]()
        assert (again.done, again.kept) == (0, 5)  # the damaged one is tried again
        path = images / "0.png"
        before = path.read_bytes()
        path.write_bytes((images / "1.png").read_bytes())
        changed = verbs["embed"]()
        path.write_bytes(before)
        dataset.reload()
        first, second = dataset.values("vec")[:2]
        return changed.done, bool(np.allclose(first, second))

    assert harness.child(look) == (1, True)

    def mend():
        dataset = fo.load_dataset(NAME)
        dataset.limit(1).tag_samples("unreadable")  # a person's
        before = dataset.match_tags("unreadable").count()
        path = images / "5.png"
        path.write_bytes((images / "1.png").read_bytes())
        verbs["embed"]()
        path.write_bytes(b"no picture")
        dataset.reload()
        return before, dataset.match_tags("unreadable").count()

    assert harness.child(mend) == (2, 1)


def test_vectors_of_a_persons_are_refused(harness, verbs):
    def theirs():
        verbs["state"]()
        dataset = fo.load_dataset(NAME)
        dataset.add_sample_field("vec", fo.VectorField)
        dataset.limit(2).set_values("vec", [np.ones(3, np.float32)] * 2)

    harness.save(theirs)
    before = harness.snapshot()
    with pytest.raises(DataError, match="holds 2 vectors that Curadiff did not make"):
        harness.child(verbs["first"])
    assert harness.snapshot() == before

    def lengths():
        verbs["embed"](overwrite=True)
        found = fo.load_dataset(NAME, reload=True).values("vec")
        return [None if vector is None else len(vector) for vector in found]

    found = harness.child(lengths)
    assert found == [found[0]] * 5 + [None]


def test_a_data_set_that_is_deleted_meanwhile_is_said(harness, verbs):
    harness.save(verbs["state"])

    def deleted():
        def progress(done, total):
            if fo.dataset_exists(NAME):
                fo.core.odm.get_db_conn().datasets.delete_one({"name": NAME})

        return curadiff.embed(NAME, encoder="builtin", field="vec", progress=progress)

    with pytest.raises(DataError, match="was deleted"):
        harness.child(deleted)
