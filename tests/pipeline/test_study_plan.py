"""What a study would take, said before anything is started."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import pytest
import torch
from curadiff.cli import main
from curadiff.config import StudySettings, TrainSettings
from curadiff.config.train import PRESETS
from curadiff.studies import study_plan
from curadiff.workflows import estimating
from torch.utils.flop_counter import FlopCounterMode

VITON = Path(__file__).parents[2] / "docs" / "viton-hd.yaml"


@pytest.mark.parametrize("more", [{}, {"augment": 0.1}, {"augment": 0.1, "network": "lucidrains"}])
def test_flops_are_those_of_real_tensors(more):
    from curadiff.diffusion.networks import network

    settings = TrainSettings(preset="demo", **{"layers": 2, **more})
    built = network.build(settings)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        built(torch.zeros(3, 3, 32, 32), torch.zeros(3, dtype=torch.long))
    assert study_plan.forward_flops(settings) == counter.get_total_flops() / 3


def test_an_encoders_flops_are_those_of_its_matrices():
    block = torch.nn.TransformerEncoderLayer(64, 4, 256, batch_first=True)  # 4 x wide, as ViTs
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        block.train()(torch.zeros(1, 50, 64))
    assert study_plan.encoder_flops(1, 64, 50) == pytest.approx(counter.get_total_flops(), rel=0.01)


def test_the_published_study_has_a_plan_for_one_gpu(capsys, home):
    assert main(["study", "--file", str(VITON), "--dry-run"]) == 0
    shown = capsys.readouterr().out
    lines = {line.split("  ")[0]: line.split() for line in shown.splitlines() if line}
    assert lines["train full"][2:5] == ["2", "all", "70,000"]
    assert lines["train random"][2:5] == ["6", "1,000", "20,000"]
    assert "on one H100" in shown
    assert "GB on disk. Nothing was started." in shown
    flops = study_plan.forward_flops(TrainSettings(preset="lightly-2023"))
    hours = 3 * flops * 32 * 70_000 * 2 / (0.2 * 989e12) / 3600
    assert float(lines["train full"][-1]) == pytest.approx(hours, abs=0.01)


def test_counts_follow_from_the_number_of_images():
    config = StudySettings(
        arms=["full", "random"], budget=50, seeds=[0], draws=2, held_out=0.25, match="epochs",
        train={"preset": "demo", "steps": 100}, generate={"count": 40}, curve=3,
        embed={"encoder": "clip-vit-b32"}, evaluate={"encoder": "clip-vit-b32"},
    )  # fmt: skip
    steps = {step.what: step for step in study_plan.study_plan(config, images=200).steps}
    assert (steps["train full"].images, steps["train full"].steps) == ("150", 300)
    assert (steps["train random"].times, steps["select random"].times) == (2, 2)
    assert (steps["generate"].times, steps["generate at checkpoints"].times) == (3, 9)
    judged = 200 + 3 * (40 + 3 * 10)
    assert steps["embed for the judge"].images == str(judged)
    assert steps["embed for the judge"].flops == judged * study_plan.encoder_flops(12, 768, 50)
    unknown = {step.what: step for step in study_plan.study_plan(config).steps}
    assert unknown["embed for the judge"].flops is None


def test_a_large_network_without_a_gpu_is_warned_of(monkeypatch):
    monkeypatch.setattr(estimating, "choose_device", lambda name: torch.device("cpu"))
    with pytest.warns(UserWarning, match="--preset cpu-small"):
        estimating.warn_without_gpu(TrainSettings())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for small in ({"preset": "cpu-small"}, {"preset": "demo"}, {"network": "analytic"}):
            estimating.warn_without_gpu(TrainSettings(**small))
        monkeypatch.setattr(estimating, "choose_device", lambda name: torch.device("cuda"))
        estimating.warn_without_gpu(TrainSettings())


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"preset": "small-data", "steps": 1999}, "500 of 1,999 steps, so little is"),
        (
            {"preset": "small-data", "steps": 300},
            "300 of 300 steps.* give warmup 30 or less",
        ),
        ({"preset": "small-data", "steps": 9}, "give warmup 0, or more steps"),
        ({"preset": "small-data", "steps": 2000}, None),
        ({"preset": "small-data", "steps": 300, "warmup": 30}, None),
        ({"preset": "small-data", "network": "analytic"}, None),
    ],
)
def test_a_learning_rate_that_rises_for_long_is_told_before_it_starts(settings, sentence):
    config = TrainSettings(**settings)
    study = StudySettings(name="one", train=config)
    costs = [estimating.training(config, 10), estimating.study(study)]
    for place in map(str, [*costs, study_plan.study_plan(study)]):
        assert "rises for" not in place if sentence is None else re.search(sentence, place)
    elsewhere = StudySettings(
        name="one", train=config, trainer="command", command=["train", "{images}", "{out}"]
    )
    assert "rises for" not in f"{estimating.study(elsewhere)} {study_plan.study_plan(elsewhere)}"


@pytest.mark.parametrize("preset", list(PRESETS))
def test_no_preset_rises_for_long(preset):
    assert not TrainSettings(preset=preset).warmup_note()
