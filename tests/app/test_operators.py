"""Operators outside the App: called from Python, executed, delegated."""

import importlib
import sys
import time

import fiftyone.operators as foo
import pytest
from fiftyone.operators.delegated import DelegatedOperationService
from fiftyone.operators.executor import ExecutionContext, ExecutionError
from fiftyone.operators.types import RiskLevel

URI = "@curadiff/studio"
NAMES = {
    "import_images",
    "compute_embeddings",
    "map_embeddings",
    "index_similarity",
    "select_samples",
    "train_diffusion",
    "stop_training",
    "resume_training",
    "generate_samples",
    "import_generated",
    "evaluate_generated",
    "run_study",
    "preview_selections",
}
TINY = {
    "preset": "demo",
    "image_size": 16,
    "multipliers": "1-2",
    "steps": 6,
    "checkpoint_every": 3,
    "batch_size": 4,
    "device": "cpu",
}


@pytest.fixture(autouse=True)
def linked(plugin, home):
    """The plugin is installed and has a home of the test's own."""


def verb(name):
    return foo.get_operator(f"{URI}/{name}")


def test_all_operators_are_there_and_say_what_they_risk():
    found = {op.name: op for op in foo.list_operators(builtin=False, type="operator")}
    assert set(found) >= NAMES
    for name in NAMES:
        assert found[name].config.risk_level in (RiskLevel.LOW, RiskLevel.MEDIUM)
        assert found[name].config.description
        output = found[name].resolve_output(ExecutionContext(operator_uri=f"{URI}/{name}"))
        assert set(output.type.properties) == {"message", *found[name].results}
        assert callable(found[name])


def test_from_embedding_to_evaluation_by_calling_operators(dataset):
    verb("compute_embeddings")(dataset, encoder="builtin", progress=False)
    chosen = verb("select_samples")(dataset, method="coreset", budget=12)
    assert dataset.count_sample_tags() == {"coreset-12": 12}
    run = verb("train_diffusion")(chosen.view, progress=False, **TINY)
    assert run.status["state"] == "finished"
    folder = verb("generate_samples")(run, count=6, steps=2, progress=False)
    made = verb("import_generated")(folder, name=f"{dataset.name}-made").dataset
    try:
        assert len(made) == 6
        found = verb("evaluate_generated")(
            made, dataset, encoder="builtin", counts="subsample", bootstrap=0, progress=False
        )
        assert found.values["frechet_distance"] > 0
    finally:
        made.delete()


def test_an_executed_operator_raises_the_sentence(embedded):
    with pytest.raises(ExecutionError, match="budget must be <= 40"):
        foo.execute_operator(
            f"{URI}/select_samples", dataset=embedded, params={"method": "random", "budget": 99}
        )
    done = foo.execute_operator(
        f"{URI}/select_samples", dataset=embedded, params={"method": "random", "budget": 9}
    )
    assert done.result["count"] == 9


def test_only_the_target_is_embedded(dataset):
    context = {"view": dataset[:7], "params": {"encoder": "builtin", "view_target": "CURRENT_VIEW"}}
    foo.execute_operator(f"{URI}/compute_embeddings", context, request_delegation=True)
    DelegatedOperationService().execute_queued_operations(limit=1, log=False)
    dataset.reload()
    assert dataset.count("builtin") == 7


def test_delegated_work_is_done_in_place_and_reports_progress(dataset):
    queue = DelegatedOperationService()
    context = {"dataset": dataset, "params": {"encoder": "builtin"}}
    foo.execute_operator(f"{URI}/compute_embeddings", context, request_delegation=True)
    queue.execute_queued_operations(limit=1, log=False)
    done = queue.list_operations(dataset_name=dataset.name)[-1]
    assert done.run_state == "completed"
    assert done.status.progress == 1
    dataset.reload()
    assert dataset.count("builtin") == 40


def test_delegated_work_that_fails_is_marked_failed_with_the_sentence(dataset, monkeypatch):
    monkeypatch.setenv("CURADIFF_APP_ALLOWS", "code")
    queue = DelegatedOperationService()
    context = {"dataset": dataset, "params": {"encoder": "python:nowhere:nothing"}}
    foo.execute_operator(f"{URI}/compute_embeddings", context, request_delegation=True)
    queue.execute_queued_operations(limit=1, log=False)
    done = queue.list_operations(dataset_name=dataset.name)[-1]
    assert done.run_state == "failed"
    assert "nowhere" in str(done.result.error)


@pytest.mark.parametrize("name", sorted(NAMES))
def test_every_form_opens_on_a_fresh_data_set(name, dataset):
    context = ExecutionContext(
        {"dataset_name": dataset.name, "params": {}}, operator_uri=f"{URI}/{name}"
    )
    form = verb(name).resolve_type(context, "inputs")
    assert form.type.properties


def test_forms_warn_of_a_data_set_that_is_not_kept(dataset):
    context = {"dataset_name": dataset.name, "params": {}}
    context = ExecutionContext(context, operator_uri=f"{URI}/compute_embeddings")
    dataset.persistent = False
    try:
        form = verb("compute_embeddings").resolve_type(context, "inputs").type.properties
        assert "is not persistent: FiftyOne deletes it" in form["passing"].view.label
    finally:
        dataset.persistent = True
    form = verb("compute_embeddings").resolve_type(context, "inputs").type.properties
    assert "passing" not in form


def test_the_time_of_a_training_is_measured_on_request_while_the_form_stays(dataset):
    asked = {"selection": "-", **{k: v for k, v in TINY.items() if k != "checkpoint_every"}}

    def fields(**more):
        request = {"dataset_name": dataset.name, "params": {**asked, **more}}
        context = ExecutionContext(request, operator_uri=f"{URI}/train_diffusion")
        return verb("train_diffusion").resolve_type(context, "inputs").type.properties

    assert "is known once it was measured" in fields()["cost"].view.label
    assert fields()["measure"].view.description.startswith("Takes some real steps")
    assert fields(measure=True)["measure"].view.description.startswith("Being measured")
    end = time.monotonic() + 200
    while "measure" in (shown := fields(measure=True)):
        assert time.monotonic() < end, shown["measure"].view.description
        time.sleep(1)
    assert "As measured here on cpu: about" in shown["cost"].view.label


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("stop_training", "No training of this data set is running."),
        ("resume_training", "No training of this data set can go on."),
        ("map_embeddings", "There are no embeddings yet; compute them first."),
        ("generate_samples", "There is no trained model yet; train one first."),
        ("import_generated", "No model of this data set has generated images yet."),
        ("evaluate_generated", "There are no generated images yet; generate some first."),
        ("select_samples", "There are no embeddings yet; compute them first, or select at random."),
    ],
)
def test_a_form_says_what_is_missing_and_cannot_be_sent(name, sentence, dataset):
    context = ExecutionContext(
        {"dataset_name": dataset.name, "params": {}}, operator_uri=f"{URI}/{name}"
    )
    form = verb(name).resolve_type(context, "inputs")
    said = [f.error_message for f in form.type.properties.values() if f.invalid]
    assert sentence in said


def test_a_finished_training_goes_on_when_more_steps_are_given(dataset, home, monkeypatch):
    from curadiff import config, runs

    for name, state, step in (("cut", "stopped", 3), ("done", "finished", 9)):
        settings = config.TrainSettings(steps=9)
        run = runs.create("train", settings.model_dump(mode="json"), name=name)
        run.add(dataset=dataset.name)
        run.set_status(state, step=step)

    def shown(**params):
        context = ExecutionContext(
            {"dataset_name": dataset.name, "params": params}, operator_uri=f"{URI}/resume_training"
        )
        return verb("resume_training").resolve_type(context, "inputs").type.properties

    assert shown()["run"].default == "cut"
    assert not shown(run="cut")["steps"].invalid
    assert shown(run="cut", steps=2)["steps"].error_message.startswith("cut has done 3 steps")
    begins_with = shown(run="done")["steps"]
    assert (begins_with.default, begins_with.invalid) == (None, False)  # as in Python
    assert begins_with.required
    asked = shown(run="done", steps=9)["steps"]
    assert asked.error_message == "done has finished; give more than 9 steps."
    assert not shown(run="done", steps=12)["steps"].invalid
    operators = sys.modules[type(verb("resume_training")).__module__].__package__
    training = importlib.import_module("..workflows.training", operators)
    given = []
    monkeypatch.setattr(
        training, "resume", lambda name, **rest: given.append(rest) or runs.open_run(name)
    )
    context = {"dataset": dataset, "params": {"run": "done", "steps": 12}}
    foo.execute_operator(f"{URI}/resume_training", context)
    assert given[0]["steps"] == 12


def test_a_budget_too_large_is_said_on_its_field_as_python_says_it(embedded):
    context = ExecutionContext(
        {"dataset_name": embedded.name, "params": {"budget": 41}},
        operator_uri=f"{URI}/select_samples",
    )
    form = verb("select_samples").resolve_type(context, "inputs")
    with pytest.raises(ValueError, match="budget") as raised:
        verb("select_samples")(embedded, budget=41)
    assert form.type.properties["budget"].error_message == str(raised.value)
