"""What a training will cost is said before it starts."""

from curadiff import runs
from curadiff.api import estimating
from curadiff.config import StudySettings, TrainSettings


def test_without_an_earlier_training_the_time_is_not_guessed(home):
    cost = estimating.training(TrainSettings(steps=100, batch_size=8), 40)
    assert cost.exposure == 100 * 8 / 40
    assert cost.seconds is None
    assert "each image seen 20×" in str(cost)
    assert "is known once something alike was trained here" in str(cost)


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
    settings = StudySettings(arms=arms, seeds=[0, 1, 2], train={"steps": 10}, generate={"count": 7})
    cost = estimating.study(settings)
    assert cost.trainings == 6
    assert cost.steps == 3 * (10 + 30)
    assert cost.generated == 6 * 7
