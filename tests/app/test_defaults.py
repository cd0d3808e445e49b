"""Forms open with values that can be carried out here, and mark what cannot be."""

import curadiff
import pytest
from curadiff import encoders, runs
from curadiff.config import EvaluateSettings, PreviewSettings, StudySettings, TrainSettings
from curadiff.encoders import presence, weights
from curadiff.operators import (
    checks,
    defaults,
    embeddings,
    form_values,
    generation,
    previews,
    results,
    selection,
    studies,
    training,
)
from fiftyone.operators.executor import ExecutionContext


def form_of(operator, dataset, params=None):
    ctx = ExecutionContext(
        request_params={"dataset_name": dataset.name, "params": params or {}},
        operator_uri="@curadiff/studio/any",
    )
    return operator().resolve_input(ctx).type


def wrong(form):
    """What is marked, groups and the fold walked."""
    found = {}
    for name, field in form.properties.items():
        found |= {name: field.error_message} if field.invalid else {}
        if hasattr(field.type, "properties"):
            found |= wrong(field.type)
    return found


@pytest.fixture
def offline(monkeypatch, home):
    """No weights and no GPU on this machine."""
    monkeypatch.setattr(presence, "cached", lambda source: None)
    monkeypatch.setattr(defaults, "has_accelerator", lambda: False)


def test_nothing_is_offered_whose_weights_are_missing(offline, embedded):
    form = form_of(embeddings.ComputeEmbeddings, embedded)
    assert form.properties["encoder"].default == "builtin"
    assert "clip-vit-b32 are not on this machine" in form.properties["chosen"].view.label
    (home_weights := weights.folder()).mkdir(parents=True)
    (home_weights / "clip-vit-b32.pt").touch()
    assert (
        form_of(embeddings.ComputeEmbeddings, embedded).properties["encoder"].default
        == "clip-vit-b32"
    )


def test_the_default_weights_are_looked_for_where_open_clip_gets_them():
    from curadiff.encoders import clip

    source = clip.source_of(clip._published("clip", "ViT-B-32-quickgelu", "openai", needed=True))
    assert (presence.CLIP.repo, presence.CLIP.files) == (source.repo, source.files)
    assert presence.CLIP.cached == source.cached


@pytest.mark.parametrize(
    "operator",
    [
        embeddings.ComputeEmbeddings,
        selection.SelectSamples,
        training.TrainDiffusion,
        studies.RunStudy,
        previews.PreviewSelections,
    ],
)
def test_a_form_that_opens_is_not_red(offline, embedded, operator):
    assert wrong(form_of(operator, embedded)) == {}


def test_a_study_begins_with_what_fits_and_says_which_images(offline, embedded):
    form = form_of(studies.RunStudy, embedded)
    assert form.properties["size"].view.label == (
        f"The study takes all 40 images of {embedded.name}."
    )
    assert form.properties["budget"].default == 8  # a quarter of the 32 that are not held out
    inside = {
        name: form.properties[name].type.properties for name in ("embed", "evaluate", "train")
    }
    assert inside["embed"]["encoder"].default == "builtin"
    assert inside["evaluate"]["encoder"].default == "scattering"
    assert inside["train"]["preset"].default == "demo"
    assert "budget" not in form.properties["select"].type.properties  # arms say it
    begun, _ = defaults.study(40)
    StudySettings(**begun)


@pytest.mark.parametrize(
    ("operator", "params", "marked"),
    [
        (embeddings.ComputeEmbeddings, {"encoder": "clap"}, {"encoder": "got 'clap'"}),
        (embeddings.ComputeEmbeddings, {"field": "filepath"}, {"field": "holds no vectors"}),
        (selection.SelectSamples, {"budget": None}, {"budget": "budget is needed"}),
        (selection.SelectSamples, {"budget": 41}, {"budget": "budget must be <= 40"}),
        (training.TrainDiffusion, {"selection": "-", "name": "a/b"}, {"name": "letters, digits"}),
        (training.TrainDiffusion, {"selection": "-", "name": "taken"}, {"name": "exists"}),
        (studies.RunStudy, {"budget": 33}, {"budget": "only 32 images"}),
        (studies.RunStudy, {"embed": {"encoder": "clap"}}, {"encoder": "got 'clap'"}),
    ],
)
def test_a_wrong_value_is_marked_before_the_form_closes(
    offline, embedded, operator, params, marked
):
    runs.create("train", {}, name="taken")
    found = wrong(form_of(operator, embedded, params))
    assert set(found) == set(marked)
    for name, words in marked.items():
        assert words in found[name]


def test_a_taken_selection_is_marked_until_overwrite_is_ticked(home, embedded):
    curadiff.select(embedded, method="random", budget=9, name="mine")
    given = {"method": "random", "budget": 8, "name": "mine"}
    assert (
        "has a selection named 'mine'"
        in wrong(form_of(selection.SelectSamples, embedded, given))["name"]
    )
    given["section_computing"] = {"overwrite": True}
    assert wrong(form_of(selection.SelectSamples, embedded, given)) == {}
    listed = (
        form_of(selection.SelectSamples, embedded)
        .properties["section_which_samples"]
        .type.properties
    )
    assert listed["keep"].type.values == ["", "mine"]


def test_what_a_form_shows_is_what_it_starts_and_a_program_gets_the_documented_defaults(
    offline, embedded
):
    asked = {"dataset_name": embedded.name, "params": {"name": "one", "embed": {"batch_size": 8}}}
    uri = "@curadiff/studio/any"
    page = ExecutionContext(request_params={**asked, "prompt_id": "prompt"}, operator_uri=uri)
    program = ExecutionContext(request_params=asked, operator_uri=uri)
    study = studies.RunStudy()
    assert study.settings(page)["embed"] == {"encoder": "builtin", "batch_size": 8}
    assert study.settings(page)["budget"] == 8
    assert study.settings(program) == {"name": "one", "embed": {"batch_size": 8}}


def test_unequal_counts_are_marked_only_where_they_are_refused():
    assert EvaluateSettings().counts == "refuse"  # of the shell and Python
    assert defaults.judging()[0]["counts"] == "subsample"
    assert "8 generated and 9 real" in checks.counts({"counts": "refuse"}, 8, 9)["counts"]
    assert checks.counts({"counts": "refuse"}, 9, 9) == {}
    assert checks.counts({"counts": "subsample"}, 8, 9) == {}


def test_settings_that_the_app_always_refuses_are_hidden_until_allowed(monkeypatch):
    monkeypatch.delenv("CURADIFF_APP_ALLOWS", raising=False)
    hidden = form_values.settings_refused_here(StudySettings)
    code = {"command"} | {f"{step}.accelerate" for step in ("embed", "evaluate", "train")}
    files = {f"embed.{name}" for name in ("weights", "from_shards", "to_shards")}
    assert set(hidden) == code | files | {"evaluate.weights", "select.to_shards"}
    monkeypatch.setenv("CURADIFF_APP_ALLOWS", "files")
    assert set(form_values.settings_refused_here(StudySettings)) == code
    monkeypatch.setenv("CURADIFF_APP_ALLOWS", "code,files")
    assert form_values.settings_refused_here(StudySettings) == ()


def test_drawing_takes_a_third_of_a_training_step_per_image_and_step(home):
    run = runs.create("train", {}, name="fast")
    assert defaults.drawing_seconds(run, 10, 30) is None
    run.set_status("finished", images_per_second=50.0)
    assert defaults.drawing_seconds(run, 10, 30) == pytest.approx(
        2
    )  # 300 evaluations, 150 a second


def test_encoders_without_weights_are_always_here():
    assert encoders.is_here("builtin")
    assert encoders.is_here("scattering")


@pytest.mark.parametrize(
    ("model", "step"),
    [(StudySettings, "embed"), (PreviewSettings, "embed"), (StudySettings, "select")],
)
def test_a_study_and_a_preview_write_no_shards(model, step):
    with pytest.raises(ValueError, match=f"{step}.to_shards is not a setting of study"):
        model(name="one", **{step: {"to_shards": "folder"}})


def trained(dataset, name, plan=None):
    """A finished training of ten steps with a checkpoint, inside of a plan if one is given."""
    settings = TrainSettings(steps=10).model_dump(mode="json")
    folder = None if plan is None else plan.path / "runs"
    run = runs.create("train", settings, name=name, folder=folder)
    run.add(dataset=dataset.name)
    run.set_status("finished", step=10)
    (run.path / "checkpoints" / "step-10").mkdir(parents=True)
    return run


def of_kind(dataset, kind, name):
    run = runs.create(kind, {}, name=name)
    run.add(dataset=dataset.name)
    return run


def test_menus_begin_with_what_a_person_made_and_leave_out_the_models_of_previews(home, embedded):
    trained(embedded, "mine")
    trained(embedded, "plan-s0", plan=of_kind(embedded, "study", "plan"))
    trained(embedded, "seen-random", plan=of_kind(embedded, "preview", "seen"))
    for operator in (generation.GenerateSamples, training.ResumeTraining):
        menu = form_of(operator, embedded).properties["run"]
        assert menu.default == "mine"
        assert [choice.value for choice in menu.view.choices] == ["mine", "plan-s0"]
    curadiff.select(embedded, method="random", budget=3, name="own")
    curadiff.select(embedded, method="random", budget=4, name="plan-random")
    menu = form_of(training.TrainDiffusion, embedded).properties["selection"]
    assert [choice.value for choice in menu.view.choices] == ["own", "plan-random", "-"]
    listed = results.results(embedded)
    assert not any("seen-random" in what for what in listed)


@pytest.mark.parametrize(
    ("operator", "work"),
    [
        (embeddings.ComputeEmbeddings, "encoder"),
        (previews.PreviewSelections, "preview"),
        (studies.RunStudy, "study"),
    ],
)
def test_a_view_that_is_still_open_is_not_overlooked(offline, embedded, operator, work):
    ctx = ExecutionContext(
        request_params={
            "dataset_name": embedded.name,
            "params": {},
            "view": embedded.limit(7)._serialize(),
        },
        operator_uri="@curadiff/studio/any",
    )
    said = operator().resolve_input(ctx).type.properties["size"].view.label
    assert said == f"The {work} takes 7 of the 40 images of {embedded.name}."


def test_a_training_begins_with_the_images_that_are_shown(home, embedded):
    chosen = curadiff.select(embedded, method="random", budget=3, name="three")
    newest = curadiff.select(embedded, method="random", budget=4, name="four")

    def trained_on(view, selected=()):
        ctx = ExecutionContext(
            request_params={
                "dataset_name": embedded.name,
                "params": {},
                "view": view._serialize(),
                "selected": list(selected),
            },
            operator_uri="@curadiff/studio/any",
        )
        return training.TrainDiffusion().resolve_input(ctx).type.properties["selection"].default

    assert trained_on(embedded.view()) == newest.name
    assert trained_on(embedded.select(chosen.ids)) == chosen.name
    assert trained_on(embedded.limit(7)) == training.AS_TARGET
    assert trained_on(embedded.view(), selected=embedded.values("id")[:2]) == training.AS_TARGET


def test_what_resume_does_without_steps_is_what_python_does(home, embedded):
    """A finished training stays as it is, so its form asks for more; another goes on as planned."""
    trained(embedded, "mine")
    form = form_of(training.ResumeTraining, embedded)
    assert wrong(form) == {}
    steps = form.properties["steps"]
    assert (steps.default, steps.required) == (None, True)
    assert steps.view.placeholder == "more than 10"
    assert (
        "more than 10" in wrong(form_of(training.ResumeTraining, embedded, {"steps": 10}))["steps"]
    )
    ctx = ExecutionContext(
        request_params={"dataset_name": embedded.name, "params": {"run": "mine"}},
        operator_uri="@curadiff/studio/resume_training",
    )
    assert "mine had finished" in training.ResumeTraining().execute(ctx)["message"]
    assert curadiff.resume("mine", progress=False).status == {**runs.open_run("mine").status}

    stopped = trained(embedded, "halfway")
    stopped.set_status("stopped", step=4)
    steps = form_of(training.ResumeTraining, embedded).properties["steps"]
    assert (steps.default, steps.required) == (None, False)
    assert steps.view.placeholder == "10, as planned"


def test_a_study_or_a_preview_begins_with_a_name_that_no_run_has(home):
    assert defaults.preview(40)[0]["name"] == "preview"
    runs.create("preview", {}, name="preview")
    runs.create("study", {}, name="study")
    runs.create("train", {}, name="study-2")
    assert defaults.preview(40)[0]["name"] == "preview-2"
    assert defaults.study(40)[0]["name"] == "study-3"
