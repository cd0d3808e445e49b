"""Deleting from the App: what goes is said first, what is the user's stays."""

import curadiff
import pytest
from curadiff import runs
from curadiff.common.errors import DataError
from curadiff.datasets import selections
from curadiff.operators import deletion
from curadiff.operators.panels import evaluation
from fiftyone.operators.executor import ExecutionContext


def context(dataset, params):
    return ExecutionContext(
        request_params={"dataset_name": dataset.name, "params": params},
        operator_uri="@curadiff/studio/delete_made",
    )


def test_a_selection_goes_after_the_form_has_said_what_goes(home, embedded):
    curadiff.select(embedded, method="random", budget=9, name="mine")
    operator = deletion.DeleteMade()
    asked = operator.resolve_input(context(embedded, {"what": "selection:mine"})).type
    assert "fields of mine (9 samples)" in asked.properties["goes"].view.description
    assert selections.selection_names(embedded) == ["mine"]
    operator.execute(context(embedded, {"what": "selection:mine"}))
    embedded.reload()
    assert selections.selection_names(embedded) == []
    assert len(embedded) == 40


def test_a_training_goes_and_one_at_work_is_not_offered(home, embedded):
    for name in ("done", "busy"):
        run = runs.create("train", {}, name=name)
        run.add(dataset=embedded.name)
        run.set_status("finished")
    with runs.Lease(run.path):
        run.set_status("running")
        assert list(deletion.deletable(embedded)) == ["run:done"]
        assert "done (train)" in deletion.consequences(context(embedded, {}), "run:done")
        with pytest.raises(DataError, match="what must name"):
            deletion.DeleteMade().execute(context(embedded, {"what": "run:busy"}))
    deletion.DeleteMade().execute(context(embedded, {"what": "run:done"}))
    assert [run.id for run in runs.listing("train")] == ["busy"]


def test_an_evaluation_is_shown_with_null_interval_and_counts():
    record = {
        "value": 12.5,
        "n_real": 40,
        "n_generated": 30,
        "null": 2.5,
        "n_null": [20, 15],
        "excess": 10.0,
        "interval": [11.0, 14.0],
    }
    missing = {"value": None, "n_real": 40, "n_generated": 30, "reason": "no training images"}
    records = {"frechet_distance": record, "memorized": missing}
    text = evaluation.markdown({"values": {"records": records, "notes": ["few images"]}})
    row = next(line for line in text.splitlines() if line.startswith("| frechet_distance"))
    for words in ("12.5", "2.5", "+10", "11", "14", "40 / 30", "20 / 15"):
        assert words in row
    assert "- memorized: no training images" in text
    assert "- few images" in text
    assert evaluation.markdown({"values": {"values": {}}}) == ""
