"""Titles and deletion from the App: what goes is said first, what is the user's stays."""

import curadiff
import pytest
from curadiff import runs
from curadiff.common.errors import DataError
from curadiff.datasets import evaluation_deletion, generated, info, selections, titles
from curadiff.operators import results
from curadiff.operators.cleaning import CleanDataset
from curadiff.operators.panels import evaluation
from curadiff.operators.panels.cards import add_cards
from curadiff.operators.panels.pipeline import PipelinePanel
from curadiff.workflows import cleaning
from curadiff.workflows.overview import overview
from fiftyone.operators import types as fot
from fiftyone.operators.executor import ExecutionContext


def context(dataset, params):
    return ExecutionContext(
        request_params={"dataset_name": dataset.name, "params": params},
        operator_uri="@curadiff/studio/delete_result",
    )


def test_a_selection_goes_after_the_form_has_said_what_goes(home, embedded):
    curadiff.select(embedded, method="random", budget=9, name="mine")
    operator = results.DeleteResult()
    asked = operator.resolve_input(context(embedded, {"what": "selection:mine"})).type
    assert "fields of mine (9 samples)" in asked.properties["goes"].view.description
    assert selections.selection_names(embedded) == ["mine"]
    operator.execute(context(embedded, {"what": "selection:mine"}))
    embedded.reload()
    assert selections.selection_names(embedded) == []
    assert len(embedded) == 40


def test_cleaning_says_how_much_goes_and_names_the_first_few(home, embedded):
    curadiff.select(embedded, method="typicality", budget=9, name="eight")
    embedded.reload()
    form = CleanDataset().resolve_input(context(embedded, {})).type
    text = form.properties["goes"].view.description
    whole = cleaning.clean(embedded)
    fields = whole.written.by_kind()["field"]
    assert len(fields) > 4
    assert f"{len(fields)} fields ({', '.join(fields[:4])} and {len(fields) - 4} more)" in text
    assert "1 tag (eight)" in text
    assert text.endswith("The samples stay, and so does what is yours.")


def test_a_training_goes_and_one_at_work_is_not_offered(home, embedded):
    for name in ("done", "busy"):
        run = runs.create("train", {}, name=name)
        run.add(dataset=embedded.name)
        run.set_status("finished")
    with runs.Lease(run.path):
        run.set_status("running")
        assert list(results.results(embedded, deletable=True)) == ["run:done"]
        assert "done (train)" in results.consequences(embedded, "run:done")
        with pytest.raises(DataError, match="what must name"):
            results.DeleteResult().execute(context(embedded, {"what": "run:busy"}))
    results.DeleteResult().execute(context(embedded, {"what": "run:done"}))
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


def test_a_title_is_shown_and_the_name_stays(home, embedded):
    curadiff.select(embedded, method="random", budget=9, name="mine")
    asked = {"what": "selection:mine", "title": " For the  March run "}
    results.RenameResult().execute(context(embedded, asked))
    page = fot.Object()
    add_cards(page, overview(embedded), PipelinePanel())
    assert "**For the March run** (mine)" in str(page.to_json())
    assert results.results(embedded)["selection:mine"] == "For the March run (selection mine)"
    assert embedded.count_sample_tags()["mine"] == 9
    form = results.RenameResult().resolve_input(context(embedded, asked)).type
    assert form.properties["title"].default == "For the March run"
    results.DeleteResult().execute(context(embedded, asked))
    assert titles.titles(embedded) == {}
    with pytest.raises(DataError, match="at most 200"):
        titles.set_title(embedded, "selection:mine", "x" * 201)


@pytest.fixture
def evaluated(home, embedded, photos):
    """Generated images with an evaluation ``first``, and a field of the user's."""
    paths = sorted(photos.rglob("*.png"))[:6]
    made, _ = generated.add_generated(
        f"{embedded.name}-made",
        paths=paths,
        seeds=range(6),
        source=embedded,
        run="some-run",
        arm="full",
        training_seed=0,
        origin={},
    )
    made.set_values("mine", [1.0] * 6)
    options = {"encoder": "builtin", "counts": "subsample", "bootstrap": 0, "null_draws": 0}
    curadiff.evaluate(made, embedded, key="first", progress=False, **options)
    made.reload(), embedded.reload()
    yield made
    made.delete()


def test_an_evaluation_goes_with_its_fields_on_both_sides(embedded, evaluated):
    what = f"evaluation:{evaluated.name}/first"
    assert what in results.results(embedded, deletable=True)
    written = {name for name in evaluated.get_field_schema() if name.startswith("first_")}
    assert written
    said = results.consequences(embedded, what)
    assert "first_covered" in said
    assert all(name in said for name in written)
    results.DeleteResult().execute(context(embedded, {"what": what}))
    for dataset in (embedded, evaluated):
        dataset.reload()
        assert not [name for name in dataset.get_field_schema() if name.startswith("first_")]
    assert evaluated.values("mine") == [1.0] * 6
    assert evaluated.list_runs() == []
    assert overview(embedded).evaluations == []
    with pytest.raises(DataError, match="no evaluation 'first'"):
        evaluation_deletion.delete_evaluation(evaluated, "first")


def test_an_evaluation_of_a_version_that_kept_no_record_goes_with_its_fields(embedded, evaluated):
    for dataset in (embedded, evaluated):
        info.drop(dataset, "made", info.section(dataset, "made"))
    schema = {one.name: set(one.get_field_schema()) for one in (embedded, evaluated)}
    deletion = evaluation_deletion.plan_deletion(evaluated, "first")
    for dataset, fields in (
        (embedded, deletion.reference_fields),
        (evaluated, deletion.generated_fields),
    ):
        written = {name for name in schema[dataset.name] if name.startswith("first_")}
        assert written
        assert set(fields) == written
    evaluation_deletion.delete_evaluation(evaluated, "first")
    assert evaluated.values("mine") == [1.0] * 6
    assert evaluated.list_runs() == []


def test_an_evaluation_without_fields_goes_too(embedded, evaluated):
    options = {"encoder": "builtin", "counts": "subsample", "bootstrap": 0, "null_draws": 0}
    curadiff.evaluate(
        evaluated, embedded, key="second", metrics=["vendi"], progress=False, **options
    )
    deletion = evaluation_deletion.delete_evaluation(evaluated, "second")
    assert (deletion.generated_fields, deletion.reference_fields) == ([], [])
    assert set(info.section(evaluated, "evaluations")) == {"first"}


def test_a_deletion_that_died_is_finished_by_the_next_command(embedded, evaluated, monkeypatch):
    with monkeypatch.context() as dies:
        dies.setattr(evaluation_deletion, "commit", None)  # after the fields, before the values
        with pytest.raises(TypeError):
            evaluation_deletion.delete_evaluation(evaluated, "first")
    curadiff.select(evaluated, method="random", budget=2)
    evaluated.reload()
    assert "first" not in info.section(evaluated, "evaluations")
    assert evaluated.list_runs() == ["select_random_2"]
