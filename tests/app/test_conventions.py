"""What FiftyOne's conventions ask of every operator: typed forms and results, plain JSON."""

import json
from pathlib import Path

import curadiff
import fiftyone.operators as foo
import pytest
import yaml
from curadiff.datasets import ratings
from fiftyone.operators import types
from fiftyone.operators.executor import ExecutionContext, ExecutionError
from fiftyone.operators.types import RiskLevel

URI = "@curadiff/studio"
ROOT = Path(__file__).parents[2]
MANIFEST = yaml.safe_load((ROOT / "fiftyone.yml").read_text())
HELPERS = {"show_samples", "follow_job", "reopen_form", "welcome"}
LISTED = [name for name in MANIFEST["operators"] if name not in HELPERS]
HIGH = {"delete_result", "clean_dataset"}
REFUSED = {  # what each says without parameters on a data set where nothing was made yet
    "import_images": "Choose the folder",
    "map_embeddings": "There are no embeddings yet",
    "index_similarity": "There are no embeddings yet",
    "find_duplicates": "There are no embeddings yet",
    "select_samples": "There are no embeddings yet",
    "stop_training": "No training of this data set is running",
    "resume_training": "No training of this data set can go on",
    "generate_samples": "There is no trained model yet",
    "import_generated": "has generated images yet",
    "evaluate_generated": "There are no generated images yet",
    "start_rating": "There is nothing to compare yet",
    "rename_result": "There is nothing yet",
    "delete_result": "There is nothing yet",
    "train_diffusion": "say what to train on",
    "run_study": "this computes for long; say what is wanted",
    "preview_selections": "this computes for long; say what is wanted",
    "clean_dataset": "There is nothing that Curadiff wrote",
}


@pytest.fixture(autouse=True)
def linked(plugin, home):
    """The plugin is installed and has a home of the test's own."""


def operators():
    return {op.name: op for op in foo.list_operators(builtin=False) if op.plugin_name == URI}


def context(name, dataset, params):
    return ExecutionContext(
        {"dataset_name": dataset.name, "params": params}, operator_uri=f"{URI}/{name}"
    )


def fields(properties):
    """All inputs of a form: those that a caller can give a value for."""
    for name, field in properties.items():
        if isinstance(field.type, types.Object):
            yield from fields(field.type.properties)
        elif not isinstance(field.type, types.Void):
            yield name, field


def test_the_manifest_and_the_registry_are_one_list_with_declared_risks():
    known = operators()
    assert set(known) == set(MANIFEST["operators"]) | set(MANIFEST["panels"])
    for name in MANIFEST["operators"]:
        config = known[name].config
        assert config.unlisted == (name in HELPERS), name
        assert config.description.endswith("."), name
        assert config.icon or name in HELPERS, name
        expected = {RiskLevel.HIGH} if name in HIGH else {RiskLevel.LOW, RiskLevel.MEDIUM}
        assert config.risk_level in expected, name
    labels = [known[name].config.label for name in LISTED]
    descriptions = [known[name].config.description for name in LISTED]
    assert len(set(labels)) == len(set(descriptions)) == len(LISTED)
    assert all(label.startswith("Curadiff: ") for label in labels)


@pytest.mark.parametrize("name", LISTED)
def test_every_operator_types_its_fields_and_says_what_it_returns(name, dataset):
    operator = operators()[name]
    form = operator.resolve_type(context(name, dataset, {}), "inputs")
    json.dumps(form.to_json(), default=str)
    for field_name, field in fields(form.type.properties):
        assert field.view.label or field_name == "view_target", field_name
    output = operator.resolve_type(context(name, dataset, {}), "outputs")
    assert "message" in output.type.properties


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_empty_parameters_are_refused_with_a_sentence(name, dataset):
    with pytest.raises(ExecutionError, match=REFUSED[name]):
        foo.execute_operator(f"{URI}/{name}", dataset=dataset, params={})


def test_each_quick_operator_runs_from_plain_json_and_returns_what_it_declares(embedded):
    """Those that start jobs are carried out by a launcher in another test."""
    made = curadiff.select(embedded, method="random", budget=9, name="mine")
    embedded.set_values("arm", ["a", "b"] * 20)
    plain = [
        ("map_embeddings", {"field": "builtin", "method": "pca"}),
        ("index_similarity", {"field": "builtin", "backend": "sklearn"}),
        ("find_duplicates", {"field": "builtin"}),
        ("select_samples", {"method": "coreset", "budget": 7, "section_computing": {"seed": 3}}),
        ("start_rating", {"name": f"{embedded.name}-people", "images_per_arm": 4}),
        ("rename_result", {"what": f"selection:{made.name}", "title": "Mine"}),
        ("delete_result", {"what": f"selection:{made.name}"}),
        ("clean_dataset", {"what": "everything"}),
    ]
    try:
        for name, params in plain:
            params = json.loads(json.dumps(params))
            done = foo.execute_operator(f"{URI}/{name}", dataset=embedded, params=params)
            result = json.loads(json.dumps(done.result))
            declared = {"message": (str, ""), **operators()[name].results}
            assert set(result) == set(declared), name
            for key, (kind, _) in declared.items():
                assert isinstance(result[key], kind), (name, key)
            embedded.reload()
        assert not embedded.has_field("builtin")  # cleaned, and the images stay
        assert len(embedded) == 40
    finally:
        ratings.delete_rating(f"{embedded.name}-people")


@pytest.mark.parametrize("name", [name for name in LISTED if name != "import_images"])
def test_without_a_data_set_the_form_says_so_and_nothing_starts(name):
    context = ExecutionContext({"params": {}}, operator_uri=f"{URI}/{name}")
    form = operators()[name].resolve_type(context, "inputs").type.properties
    assert form["refused"].error_message == "Open a data set first, or import images."
    with pytest.raises(Exception, match="Open a data set first"):
        operators()[name].execute(context)


def test_a_folder_is_given_as_text_or_as_the_file_explorer_gives_it(dataset, photos, tmp_path):
    def error(folder):
        form = operators()["import_images"].resolve_type(
            context("import_images", dataset, {"folder": folder}), "inputs"
        )
        return form.type.properties["folder"].error_message

    for given in (str(photos), {"absolute_path": str(photos)}):
        assert not error(given), given
    for given in (str(tmp_path / "gone"), {"absolute_path": str(tmp_path / "gone")}):
        assert "does not exist on the machine that the App runs on" in error(given)
    params = {"folder": str(tmp_path / "gone")}  # FiftyOne's own check of a form comes first
    with pytest.raises(ExecutionError, match="does not exist on the machine"):
        foo.execute_operator(f"{URI}/import_images", dataset=dataset, params=params)


def test_wrong_types_are_refused_with_a_sentence(embedded):
    for params in ({"budget": "many"}, {"budget": [1]}, {"method": 3}, {"budget": -1}):
        with pytest.raises(ExecutionError, match=r"budget must|method must"):
            foo.execute_operator(f"{URI}/select_samples", dataset=embedded, params=params)
