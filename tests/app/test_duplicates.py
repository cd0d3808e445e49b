"""Near-duplicates and the map, on embeddings that are there."""

from types import SimpleNamespace

import curadiff
import numpy as np
import pytest
from curadiff.datasets import mapping
from curadiff.operators.duplicates import FindDuplicates
from curadiff.operators.panels.map import MapPanel
from curadiff.studies.near_duplicates import near_duplicates
from curadiff.workflows.mapping import map_embeddings


def test_planted_copies_are_found_and_nothing_else(home, embedded):
    ids = embedded.values("id")
    random = np.random.default_rng(0)
    x = random.normal(size=(40, 64)).astype(np.float32)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    x[7], x[21], x[30] = x[2], x[2], x[5]
    embedded.set_values("planted", list(x))
    groups = near_duplicates(embedded, field="planted")
    assert [sorted(group) for group in groups] == [
        sorted([ids[2], ids[7], ids[21]]),
        sorted([ids[5], ids[30]]),
    ]
    assert FindDuplicates()(embedded, field="planted") == groups


def test_the_map_panel_colours_a_selection_and_a_lasso_shows_its_images(home, embedded):
    chosen = curadiff.select(embedded, method="random", budget=9, name="mine")
    key = map_embeddings(embedded)
    embedded.reload()
    state, views, forward = {}, [], []
    panel = SimpleNamespace(get_state=state.get, set_state=state.__setitem__)
    ops = SimpleNamespace(
        set_view=views.append, open_panel=lambda name, is_active: forward.append((name, is_active))
    )
    panels = [{"component_id": one, "type": one} for one in ("Samples", "curadiff_map")]
    tabs = {"component_id": "left", "children": panels, "active_child": "curadiff_map"}
    requested = {"spaces": {"component_id": "root", "children": [tabs]}}
    ctx = SimpleNamespace(
        dataset=embedded, panel=panel, params={}, ops=ops, request_params=requested
    )
    page = MapPanel().render(ctx).type.to_json()["properties"]
    (plot,) = [one["view"] for one in page.values() if one["view"]["name"] == "PlotlyView"]
    others, mine = plot["data"]
    assert (mine["name"], set(mine["ids"])) == ("mine", set(chosen.ids))
    assert len(others["ids"]) == 31
    ids, points = mapping.read_map(embedded, key)
    place = dict(zip(ids, points.tolist(), strict=True))
    assert place[mine["ids"][0]] == pytest.approx([mine["x"][0], mine["y"][0]], abs=1e-3)
    ctx.params = {"data": [{"id": mine["ids"][2]}, {"id": mine["ids"][0]}]}
    MapPanel().on_lasso(ctx)
    assert views[0].values("id") == [mine["ids"][2], mine["ids"][0]]
    assert forward == [("Samples", True)]  # the grid, which the map lies over
    tabs["active_child"] = "Samples"
    MapPanel().on_lasso(ctx)
    assert len(views) == 2
    assert len(forward) == 1  # nothing is moved that is to be seen already
    embedded.delete_samples(ids[:1])
    assert len(mapping.read_map(embedded, key)[0]) == 39
