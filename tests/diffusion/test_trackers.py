"""What a tracker (TensorBoard, Weights & Biases) gets of a training."""

import pytest
from curadiff.common.errors import EnvironmentFault
from curadiff.diffusion import train_here


def test_a_tracker_gets_the_logged_values(prepared, monkeypatch):
    from accelerate.tracking import GeneralTracker
    from curadiff.diffusion.train import engine

    class Fake(GeneralTracker):
        name = "fake"
        requires_logging_directory = False
        tracker = None
        config, logged = {}, {}

        def store_init_configuration(self, values):
            self.config.update(values)

        def log(self, values, step, **_):
            self.logged[step] = values

    monkeypatch.setattr(engine, "tracker_of", lambda name: Fake())
    run = prepared("one", tracker="tensorboard")
    train_here(run)
    assert Fake.config["steps"] == 6
    assert Fake.logged[6]["loss"] == pytest.approx(run.status["loss"], abs=1e-6)


def test_a_tracker_that_is_not_installed_is_said(prepared, monkeypatch):
    from curadiff.diffusion.train import engine

    monkeypatch.setattr(engine, "get_available_trackers", list)
    with pytest.raises(EnvironmentFault, match=r"tracker is wandb.*pip install wandb"):
        train_here(prepared("one", tracker="wandb"))


def test_tensorboard_can_show_a_training(prepared):
    pytest.importorskip("tensorboard")
    from curadiff.diffusion.train.worker import train_run
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = prepared("one", tracker="tensorboard", grid_every=99)
    asked = iter([False, False, True])
    assert train_run(run, lambda: next(asked)) == "stopped"  # what was logged is written then too
    assert train_here(run) == "finished"
    losses = {}
    for file in run.path.rglob("events.out.tfevents.*"):
        events = EventAccumulator(str(file)).Reload()
        if "loss" in events.Tags()["scalars"]:
            losses |= {event.step: event.value for event in events.Scalars("loss")}
    assert losses == pytest.approx({entry["step"]: entry["loss"] for entry in run.log()}, abs=1e-5)
    assert {1, 3, 6} <= set(losses)


def test_weights_and_biases_writes_into_the_run_and_goes_on_there(prepared, monkeypatch):
    pytest.importorskip("wandb")
    from curadiff.diffusion.train.worker import train_run

    monkeypatch.setenv("WANDB_MODE", "offline")
    run = prepared("one", tracker="wandb", grid_every=99)
    asked = iter([False, False, True])
    assert train_run(run, lambda: next(asked)) == "stopped"
    assert train_here(run) == "finished"
    parts = sorted(run.path.rglob("run-*.wandb"))
    assert len(parts) == 2  # before and after the stop, one run by name
    assert len({part.name for part in parts}) == 1
