"""Two selections side by side, and the workspace that opens the panels."""

import time

import curadiff
import fiftyone as fo
import numpy as np
import pytest
from curadiff.common.errors import DataError
from curadiff.datasets import info, workspaces
from curadiff.operators.panels.selections import chosen
from curadiff.workflows import overlap
from curadiff.workflows.mapping import map_embeddings
from PIL import Image


@pytest.fixture
def selected(embedded):
    """The data set with three selections of one pool and one of another."""
    for name, method, budget in (("a", "coreset", 10), ("b", "typicality", 20)):
        curadiff.select(embedded, name=name, method=method, budget=budget)
    curadiff.select(embedded[:30], name="c", method="random", budget=5)
    return embedded


def test_the_parts_are_the_sets_in_the_order_of_the_picks(selected):
    found = overlap.overlap(selected, "a", "b")
    a, b = found.a.ids, found.b.ids
    assert set(found.both) == set(a) & set(b)
    assert set(found.only_a) | set(found.both) == set(a)
    assert set(found.only_b) == set(b) - set(a)
    for part, picks in ((found.only_a, a), (found.both, a), (found.only_b, b)):
        assert [picks.index(id) for id in part] == sorted(picks.index(id) for id in part)
    assert found.jaccard == len(set(a) & set(b)) / len(set(a) | set(b))
    assert found.by_chance == 10 * 20 / 40


def test_chance_is_what_random_choices_share(selected):
    ids, generator = selected.values("id"), np.random.default_rng(0)
    shared = [
        len(set(generator.choice(ids, 10, False)) & set(generator.choice(ids, 20, False)))
        for _ in range(2000)
    ]
    assert overlap.overlap(selected, "a", "b").by_chance == pytest.approx(np.mean(shared), abs=0.15)


def test_other_pools_and_names_are_said(selected):
    assert "They chose from different pools." in str(overlap.overlap(selected, "a", "c"))
    assert "5 on average" in str(overlap.overlap(selected, "a", "b"))
    with pytest.raises(DataError, match="has no selection 'd'"):
        overlap.overlap(selected, "a", "d")


def test_a_sheet_keeps_shapes_and_leaves_out_what_cannot_be_read(home, selected, tmp_path):
    ids = selected.values("id")
    file = overlap.contact_sheet(selected, ids[:3])
    page = np.asarray(Image.open(file))
    step = overlap.SIDE + overlap.GAP
    assert page.shape == (overlap.SIDE, overlap.COLUMNS * step - overlap.GAP, 4)
    seen = page[:, :, 3].any(axis=0)  # pictures of 40 x 48 are 80 wide at a height of 96
    assert [int(seen[n * step : n * step + overlap.SIDE].sum()) for n in range(4)] == [
        80,
        80,
        80,
        0,
    ]
    assert overlap.contact_sheet(selected, ids[:3]) == file
    selected.set_values("filepath", {ids[0]: str(tmp_path / "gone.png")}, key_field="id")
    other = np.asarray(Image.open(overlap.contact_sheet(selected, ids[:3])))
    assert not other[:, :step, 3].any()
    assert overlap.contact_sheet(selected, []) is None


def test_two_different_selections_are_shown_whatever_was_chosen_before():
    assert chosen(["a", "b", "c"], None, None) == ("c", "b")
    assert chosen(["a", "b", "c"], "b", None) == ("b", "c")
    assert chosen(["a", "b", "c"], "b", "b") == ("b", "b")
    assert chosen(["a", "b"], "gone", "a") == ("b", "a")


def test_the_workspace_opens_what_there_is(selected):
    def panels():
        workspaces.save(selected)
        space = selected.load_workspace(workspaces.NAME)
        return [[panel.type for panel in side.children] for side in space.children]

    assert panels() == [["Samples", "curadiff_selections"], ["curadiff"]]
    map_embeddings(selected)
    selected.reload()
    assert panels() == [["Samples", "curadiff_map", "curadiff_selections"], ["curadiff"]]
    assert selected.list_workspaces() == ["curadiff"]
    assert workspaces.most_real_first(selected) is None


def test_generated_images_are_sorted_by_what_measured_them(dataset):
    info.put(dataset, "generated", {"source_dataset": "some"})
    ids = dataset.values("id")
    dataset.set_values("x_realism", {ids[0]: 1.0, ids[1]: 3.0}, key_field="id")
    dataset.set_values("y_realism", {ids[2]: 2.0, ids[1]: 0.5}, key_field="id")
    assert workspaces.most_real_first(dataset).values("id")[:3] == [ids[2], ids[1], ids[0]]
    dataset.set_values("realism", {ids[3]: 1.0, ids[0]: 2.0}, key_field="id")
    assert workspaces.most_real_first(dataset).values("id")[:2] == [ids[0], ids[3]]
    workspaces.save(dataset)
    beside = dataset.load_workspace("curadiff").children[1].children
    assert [panel.type for panel in beside] == ["curadiff", "curadiff_study"]


@pytest.mark.app
@pytest.mark.timeout(240)
def test_two_selections_are_compared_and_the_workspace_opens_by_clicking(visit, selected):
    person = visit(width=1500, height=1100)
    person.open(selected.name)
    person.open_panel("Curadiff")
    person.click("Compare")
    person.sees("c and b share")
    found = overlap.overlap(selected, "c", "b")
    person.sees("Only b")
    person.click("Show", nth=2)
    person.sees(f"{len(found.only_b)} samples")
    person.open(selected.name)
    person.open_panel("Curadiff")
    person.click("Arrange the panels")
    person.sees("Curadiff selections")
    person.sees("Samples")
    patience = time.monotonic() + 30
    while not selected.list_workspaces() and time.monotonic() < patience:
        time.sleep(0.5)
        selected.reload()
    assert selected.list_workspaces() == ["curadiff"]

    # a panel lies over the grid: what is shown comes forward, and the grid is not blank
    person.page.get_by_text("Curadiff selections", exact=True).first.click()
    person.sees("Selection A")
    person.page.get_by_text("40 samples").first.wait_for(state="hidden")
    person.page.get_by_role("button", name="Show", exact=True).last.click()  # of the oldest: a
    person.sees("10 samples")
    person.page.locator("[data-cy=fo-grid] canvas").first.wait_for(timeout=30_000)


@pytest.mark.app
@pytest.mark.timeout(240)
def test_an_empty_data_set_is_filled_by_the_form_that_meets_it(visit, photos):
    empty = fo.Dataset("empty-at-first", persistent=True)
    try:
        person = visit()
        person.page.goto(f"{person.address}/datasets/{empty.name}")
        person.sees("Make a FiftyOne data set of a folder", timeout=60)
        person.field("Folder").fill(str(photos))
        person.submit("Import")
        person.sees("40 samples", timeout=120)
        person.page.keyboard.press("Escape")
        person.open(empty.name)
        person.open_panel("Curadiff")
        person.sees("Next: compute embeddings")
        person.sees("No embeddings yet.")
    finally:
        empty.delete()
