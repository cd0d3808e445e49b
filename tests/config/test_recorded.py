"""Settings of a run of another version: read as they are, gone on with where they are known."""

from __future__ import annotations

import pytest
from curadiff import runs
from curadiff.common.errors import SettingsError
from curadiff.config import (
    StudySettings,
    TrainSettings,
    given_settings,
    settings_of,
    settings_to_read,
)


def made(settings, model=TrainSettings):
    return runs.create("train", {**model().model_dump(mode="json"), **settings}, name="old")


def test_a_setting_that_is_gone_and_was_off_decided_nothing(home):
    off = {"a": None, "b": False, "c": 0, "d": [], "e": ""}
    run = made({**off, "steps": 7})
    assert settings_of(TrainSettings, run) == TrainSettings(steps=7)
    assert given_settings(TrainSettings, run)["steps"] == 7
    assert not set(off) & set(given_settings(TrainSettings, run))


def test_a_setting_that_is_gone_and_was_on_is_named_with_its_value_and_the_version(home):
    run = made({"old_trick": 0.5})
    with pytest.raises(SettingsError) as fault:
        settings_of(TrainSettings, run)
    version = run.record["curadiff"]
    assert str(fault.value) == (
        f"old was made with old_trick = 0.5, which is no setting of this version ({version}). Go "
        f"on with the version that made it ({version}), or begin anew under another name; its "
        "results can be looked at as before."
    )
    assert settings_to_read(TrainSettings, run) == TrainSettings()


def test_a_value_that_is_refused_today_is_read_as_it_was(home):
    run = made({"network": "one-of-before", "steps": 9})
    with pytest.raises(SettingsError, match=r"old was made with settings .* refuses: network must"):
        settings_of(TrainSettings, run)
    read = settings_to_read(TrainSettings, run)
    assert (read.network, read.steps) == ("one-of-before", 9)


def test_settings_of_steps_and_arms_are_looked_into(home):
    whole = StudySettings(arms=["random"]).model_dump(mode="json")
    arm = {**whole["arms"][0], "gone": 1, "off": None}
    run = made({**whole, "arms": [arm], "train": {**whole["train"], "gone": 2, "steps": -1}})
    with pytest.raises(SettingsError, match=r"arms\.0\.gone = 1, train\.gone = 2, which are no"):
        settings_of(StudySettings, run, run.settings | {"batch_size": None})
    read = settings_to_read(StudySettings, run)
    assert [arm.name for arm in read.arms] == ["random"]
    assert read.train.steps == -1
