"""What cannot be previewed gets one sentence, and leaves the name free or the preview as it was."""

from __future__ import annotations

import shlex

import curadiff
import pytest
from curadiff import cli, encoders, runs
from curadiff.common.errors import DataError, RunError, SettingsError, WeightsError
from curadiff.config import PreviewSettings
from curadiff.datasets import identity
from curadiff.studies.preview.directory import note_settings, open_preview

from .test_preview import SIZES


@pytest.mark.parametrize(
    ("settings", "fault", "sentence"),
    [
        ({"arms": ["nothing-like-it"]}, DataError, "has no selection, saved view or tag"),
        ({"budget": 31}, DataError, "budget must be <= 30"),
        ({"held_out": 0.01}, DataError, "both need at least 2"),
        ({"group_field": "same"}, DataError, "has 1 values, and images that share one stay"),
        ({"arms": ["full", "coreset-less-5"]}, RunError, "needs the arm 'coreset'"),
        ({"arms": ["full", "full"]}, SettingsError, "full twice"),
        ({"noise_seeds": [1, 1]}, SettingsError, "noise_seeds must be different"),
    ],
)
def test_what_cannot_be_previewed_gets_a_sentence(embedded, home, settings, fault, sentence):
    embedded.set_values("same", ["x"] * len(embedded))
    with pytest.raises(fault, match=sentence):
        curadiff.preview(embedded, progress=False, **{**SIZES, **settings})


@pytest.mark.parametrize("verb", ["preview", "study"])
@pytest.mark.parametrize("group", ["embed", "evaluate"])
def test_missing_weights_are_known_before_anything_is_written(
    embedded, home, monkeypatch, verb, group
):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    before = sorted(home.rglob("*.json"))
    other = {"encoder": "dinov2-vit-b14"}
    settings = {"embed": {"encoder": "builtin"}, "evaluate": {"encoder": "builtin"}, group: other}
    with pytest.raises(WeightsError, match=rf"The settings are {group}\.encoder and"):
        getattr(curadiff, verb)(embedded, progress=False, **settings)
    assert sorted(home.rglob("*.json")) == before


def test_where_no_weights_are_here_one_sentence_says_what_to_type(embedded, home, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    settings = {"embed": {"encoder": "dinov2-vit-b14"}, "evaluate": {"encoder": "dinov2-vit-l14"}}
    with pytest.raises(WeightsError) as refused:
        curadiff.preview(embedded, progress=False, **settings)
    sentence = str(refused.value)
    assert "embed.encoder=dinov2-vit-b14 are not here either" in sentence
    flags = sentence.rpartition("without any weights: ")[2]
    given = cli.command_line().parse(["preview", "photos", *shlex.split(flags)])
    assert encoders.is_here(vars(given)["embed.encoder"])
    assert encoders.is_here(vars(given)["evaluate.encoder"])
    assert vars(given)["embed.encoder"] != vars(given)["evaluate.encoder"]


def test_a_refused_budget_can_be_lowered_under_the_same_name(embedded, home):
    with pytest.raises(DataError, match="budget must be <= 30"):
        curadiff.preview(embedded, progress=False, **{**SIZES, "budget": 31})
    known = identity.identity(embedded)
    lower = PreviewSettings(**SIZES)
    run = open_preview(lower, known)
    note_settings(run, lower, known)
    (run.path / "arms").mkdir()  # once anything is drawn it is another preview
    with pytest.raises(SettingsError, match="budget was 10, now 9"):
        open_preview(PreviewSettings(**{**SIZES, "budget": 9}), known)


def test_other_settings_of_a_step_are_named_one_by_one(home):
    known = {"name": "shoes", "id": "1", "folders": []}
    begun = PreviewSettings(name="tiny")
    open_preview(begun, known)
    other = begun.changed(evaluate=begun.evaluate.changed(k=5), budget=7)
    with pytest.raises(SettingsError) as refused:
        open_preview(other, known)
    assert "(budget was 1000, now 7; evaluate.k was 3, now 5)" in str(refused.value)


def test_a_preview_with_settings_that_are_gone_goes_on_or_says_which(home):
    known = {"name": "a", "id": "1", "folders": []}
    config = PreviewSettings(**SIZES)
    run = open_preview(config, known)
    run.add(settings={**run.settings, "unheard": 0})
    assert open_preview(config, known).path == run.path
    run.add(settings={**run.settings, "unheard": 2})
    with pytest.raises(SettingsError, match=r"tiny was made with unheard = 2, which is no setting"):
        open_preview(config, known)
    assert [one.id for one in runs.listing()] == ["tiny"]


def test_a_preview_that_another_process_has_just_made_is_compared_with(home, monkeypatch):
    known = {"name": "a", "id": "1", "folders": []}
    other = PreviewSettings(**{**SIZES, "steps": 4})
    real, looks = runs.Run.exists.fget, []

    def exists(run):
        looks.append(run)
        if len(looks) == 1:  # it comes right after the first look
            open_preview(other, known)
            return False
        return real(run)

    monkeypatch.setattr(runs.Run, "exists", property(exists))
    with pytest.raises(SettingsError, match=r"made with other settings \(steps was 4, now 3\)"):
        open_preview(PreviewSettings(**SIZES), known)
    assert runs.open_run("tiny").record["dataset"] == "a"
