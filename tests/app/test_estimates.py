"""What a training will cost is said before it starts."""

import pytest
from curadiff import runs
from curadiff.common.errors import RunError, SettingsError
from curadiff.config import StudySettings, TrainSettings
from curadiff.workflows import estimating, measuring


def test_without_an_earlier_training_the_time_is_not_guessed(home):
    cost = estimating.training(TrainSettings(steps=100, batch_size=8), 40)
    assert cost.exposure == 100 * 8 / 40
    assert cost.seconds is None
    assert "each image seen 20×" in str(cost)
    assert "is known once it was measured, or trained, here" in str(cost)


def test_time_and_disk_come_from_the_newest_training_of_the_same_network(home):
    alike = TrainSettings(preset="demo")
    run = runs.create("train", alike.model_dump(mode="json"), name="first")
    run.set_status("finished", images_per_second=50.0, disk_bytes_at_most=2_000_000)
    other = runs.create("train", TrainSettings().model_dump(mode="json"), name="larger")
    other.set_status("finished", images_per_second=1.0, disk_bytes_at_most=9)
    cost = estimating.training(TrainSettings(preset="demo", steps=500, batch_size=10), 100)
    assert (cost.seconds, cost.disk_bytes, cost.like) == (100.0, 2_000_000, "first")
    assert str(cost).endswith("As fast as first: about 2 min, at most 2 MB on disk.")


def test_a_study_counts_every_arm_and_seed(home):
    arms = ["random", {"name": "long", "method": "coreset", "steps": 30}]
    given = {"arms": arms, "seeds": [0, 1, 2], "train": {"steps": 10}, "generate": {"count": 7}}
    assert estimating.study(StudySettings(**given)).trainings == 3 * 3 + 3, "random draws thrice"
    cost = estimating.study(StudySettings(**given, draws=1))
    assert cost.trainings == 6
    assert cost.steps == 3 * (10 + 30)
    assert cost.generated == 6 * 7


def test_side_by_side_is_said_and_not_guessed(home):
    train = TrainSettings(preset="demo")
    run = runs.create("train", train.model_dump(mode="json"), name="first")
    run.set_status("finished", images_per_second=50.0)
    one = StudySettings(seeds=[0], train={**train.model_dump(), "device": "cpu"})
    two = estimating.study(one.changed(parallel=2))
    assert two.seconds == estimating.study(one).seconds
    assert "with 2 side by side, by how much of the machine one training leaves idle" in str(two)
    assert "side by side" not in str(estimating.study(one))


TINY = {
    "preset": "demo",
    "image_size": 16,
    "base_channels": 16,
    "multipliers": "1-2",
    "batch_size": 2,
    "device": "cpu",
}


def test_a_measurement_takes_real_steps_and_answers_for_the_same_network(home, monkeypatch):
    monkeypatch.setattr("curadiff.diffusion.train.progress.SECONDS", 0.05)
    settings = TrainSettings(**TINY, steps=1000)
    assert estimating.training(settings, 40).seconds is None
    speed = measuring.measure(**TINY)
    assert speed.images_per_second > 0
    assert speed.device == "cpu"
    cost = estimating.training(settings, 40)
    assert cost.seconds == 1000 * 2 / speed.images_per_second
    assert "As measured here on cpu: about" in str(cost)
    assert estimating.training(settings.changed(batch_size=4), 40).seconds is None
    assert runs.listing() == []  # it is no run of the user's
    left = [path.name for path in (home / "cache" / "speeds").glob("*/checkpoints")]
    assert left == []


def test_shell_and_python_say_it_too_and_start_nothing(home, dataset, monkeypatch, capsys):
    import curadiff
    from curadiff.cli import main

    monkeypatch.setattr("curadiff.diffusion.train.progress.SECONDS", 0.05)
    cost = curadiff.estimate_training(dataset, measure=False, **TINY, steps=40)
    assert (cost.images_seen, cost.exposure, cost.seconds) == (80, 2, None)
    cost = curadiff.estimate_training(dataset, **TINY, steps=40)
    assert cost.seconds is not None
    assert curadiff.estimate_study(measure=False, train={**TINY, "steps": 40}).seconds > 0
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in TINY.items()]
    assert main(["train", dataset.name, "--estimate", *flags, "--steps=40"]) == 0
    assert capsys.readouterr().out.strip() == str(cost)
    flags = [f"--train.{name.replace('_', '-')}={value}" for name, value in TINY.items()]
    assert main(["study", dataset.name, "--estimate", *flags]) == 0
    assert "12 trainings, 3,600 steps in all" in capsys.readouterr().out
    assert runs.listing() == []


def test_the_training_of_a_network_counts_more_than_its_measurement(home, monkeypatch):
    monkeypatch.setattr(measuring, "known_speed", lambda settings: measuring.Speed(1.0, 5, "cpu"))
    assert estimating.training(TrainSettings(**TINY, steps=10), 40).seconds == 20
    run = runs.create("train", TrainSettings(**TINY).model_dump(mode="json"), name="first")
    run.set_status("finished", images_per_second=10.0)
    assert estimating.training(TrainSettings(**TINY, steps=10), 40).seconds == 2


def test_what_cannot_be_measured_says_so(home):
    with pytest.raises(SettingsError, match="processes must be 1, and accelerate empty"):
        measuring.measure(**TINY, processes=2)
    settings = TrainSettings(**TINY)
    run = measuring.prepare(settings)
    with runs.Lease(run.path):
        run.set_status("running")
        with pytest.raises(RunError, match="is being measured already; wait some seconds"):
            measuring.start(settings)


def test_trainings_side_by_side_take_less(home, monkeypatch):
    monkeypatch.setattr(
        measuring, "known_speed", lambda settings: measuring.Speed(1.0, 5, "cuda:0")
    )
    train = {**TINY, "steps": 60, "device": "auto"}
    arms = [{"name": f"a{n}", "method": "random"} for n in range(4)]
    arms.append({"name": "long", "method": "full", "steps": 200})

    def cost(gpus, parallel):
        monkeypatch.setattr("torch.cuda.device_count", lambda: gpus)
        settings = StudySettings(train=train, arms=arms, seeds=[0], draws=1, parallel=parallel)
        return estimating.study(settings)

    alone = cost(1, 1)
    assert alone.seconds == (4 * 60 + 200) * 2
    # Each takes the first GPU that is free: 60 + 60 and then 200 after two of them.
    assert cost(2, 2).seconds == (60 + 60 + 200) * 2
    assert "about 11 min with 2 side by side" in str(cost(2, 2))
    assert cost(1, 2).seconds == alone.seconds
    assert "between 7 min and 15 min with 2 side by side" in str(cost(0, 2))


def test_an_encoder_that_selects_and_judges_is_said_before_the_start(home):
    both = {"embed": {"encoder": "builtin"}, "evaluate": {"encoder": "builtin"}}
    assert "judge's encoder also selects (builtin)" in str(estimating.study(StudySettings(**both)))
    chance = StudySettings(**both, arms=["full", "random"])
    assert "judge's" not in str(estimating.study(chance))
