"""A whole training at tiny size."""

import json
import signal
import time

import numpy as np
import pytest
import torch
from curadiff import runs
from curadiff.common.errors import DataError, EnvironmentFault, RunError, SettingsError
from curadiff.diffusion import change, start, stop, train_here
from curadiff.diffusion.train import checkpoint
from PIL import Image


def until_running(run, seconds=90):
    end = time.monotonic() + seconds
    while run.status.get("images_seen", 0) == 0:
        assert time.monotonic() < end, run.status
        time.sleep(0.1)


def test_a_training_leaves_everything_that_others_read(prepared):
    run = prepared("one")
    assert train_here(run) == "finished"
    status = run.status
    assert status["state"] == "finished"
    assert (status["step"], status["steps"], status["images_seen"]) == (6, 6, 24)
    assert np.isfinite(status["loss"])
    assert status["images_per_second"] > 0
    assert [entry["step"] for entry in run.log()][-1] == 6
    assert checkpoint.saved_steps(run.path) == [3, 6]
    grid = Image.open(run.path / "grids" / "step-00000006.png")
    assert grid.size == (4 * 16 + 3 * 2,) * 2


def test_the_run_directory_is_a_standard_pipeline_with_the_averaged_weights(prepared):
    from diffusers import DDPMPipeline
    from safetensors.torch import load_file

    run = prepared("one")
    train_here(run)
    loaded = DDPMPipeline.from_pretrained(run.path)
    averaged = load_file(checkpoint.path_of(run.path, 6) / "ema.safetensors")
    for name, weight in loaded.unet.state_dict().items():
        assert torch.equal(weight, averaged[name])
    assert loaded.scheduler.config.prediction_type == "v_prediction"
    picture = loaded(num_inference_steps=2, output_type="np").images
    assert picture.shape == (1, 16, 16, 3)


def test_training_learns(prepared, tiny):
    run = prepared("one", steps=150, checkpoint_every=150, ema_warmup=50, multipliers="1-2")
    from curadiff.diffusion.train import engine, loop

    training = loop.Training(run, engine.accelerator(tiny(), run.path), lambda: False)
    losses = []
    for _ in range(150):
        training.train_step()
        losses.append(training.loss_sum.item())
    steps = np.diff([0.0, *losses])
    assert steps[-30:].mean() < steps[:30].mean() / 2


def test_the_same_seed_trains_the_same_weights_and_another_seed_others(prepared, weights):
    a, b, c = prepared("a"), prepared("b"), prepared("c", seed=1)
    for run in (a, b, c):
        train_here(run)
    assert weights(a) == weights(b)
    assert weights(a) != weights(c)


def test_resuming_is_bit_exact(prepared, weights):
    whole, parts = prepared("whole", grid_every=99), prepared("parts", grid_every=99)
    train_here(whole)
    asked = iter([False, False, False, False, True])  # stops after step 5
    from curadiff.diffusion.train.worker import train_run

    assert train_run(parts, lambda: next(asked)) == "stopped"
    assert parts.status["state"] == "stopped"
    assert checkpoint.saved_steps(parts.path)[-1] == 5
    assert train_here(parts) == "finished"
    assert weights(whole) == weights(parts)
    assert [entry["step"] for entry in parts.log()].count(6) == 1


def test_who_asks_to_stop_does_not_wait_for_a_sample_grid(prepared):
    from curadiff.diffusion.train.worker import train_run

    run = prepared("one")
    asked = [0]

    def stop_asked():
        asked[0] += 1
        return asked[0] > 5  # three steps, then twice while the grid of step 3 is drawn

    assert train_run(run, stop_asked) == "stopped"
    assert checkpoint.saved_steps(run.path) == [3, 4]
    assert not (run.path / "grids").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_training_in_this_process_hears_a_signal_too(
    prepared, finished, monkeypatch, weights, number
):
    from curadiff.diffusion.train import loop

    whole, run = finished("whole"), prepared("one")
    before = signal.getsignal(number)
    step = loop.Training.train_step

    def interrupted(self):
        if self.step == 1:
            signal.raise_signal(number)
        return step(self)

    with monkeypatch.context() as patched:
        patched.setattr(loop.Training, "train_step", interrupted)
        assert train_here(run) == "stopped"
    assert checkpoint.saved_steps(run.path) == [2]
    assert signal.getsignal(number) is before
    assert train_here(run) == "finished"
    assert weights(run) == weights(whole)


def test_the_last_grid_is_drawn_once(prepared, monkeypatch):
    from curadiff.diffusion.sampling import grid

    drawn = []
    monkeypatch.setattr(
        grid, "save_sample_grid", lambda network, path, **_: drawn.append(path) or path.touch()
    )
    run = prepared("one")
    (run.path / "grids").mkdir()
    train_here(run)
    train_here(run)
    assert [path.name for path in drawn] == ["step-00000003.png", "step-00000006.png"]


def test_a_finished_training_can_go_on_longer_as_if_it_always_should(prepared, finished, weights):
    whole, run = prepared("whole", steps=9), finished("one")
    train_here(whole)
    change(run, steps=9, checkpoint_every=9, device="auto")
    assert run.record["changes"] == [
        {"step": 6, "before": {"steps": 6, "checkpoint_every": 3, "device": "cpu"}}
    ]
    change(run, steps=9)  # nothing new
    assert len(run.record["changes"]) == 1
    assert train_here(run) == "finished"
    assert weights(run) == weights(whole)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"steps": 5}, "steps must be >= 6, which are done, got 5"),
        ({"batch_size": 8, "seed": 1}, "batch_size, seed cannot change once a training has begun"),
        ({"steps": "many"}, "steps must be a whole number, got 'many'"),
    ],
)
def test_what_a_training_learned_from_cannot_change(finished, values, sentence):
    run = finished("one")
    with pytest.raises(SettingsError, match=sentence):
        change(run, **values)
    assert "changes" not in run.record


def test_a_finished_training_has_nothing_left_to_do(finished, weights):
    run = finished("one")
    before = weights(run)
    assert train_here(run) == "finished"
    assert weights(run) == before


def test_accumulated_parts_make_the_same_step(prepared):
    from safetensors.torch import load_file

    # Two channels per normalized group: with one, biases before it have no gradient but
    # rounding, which Adam blows up to a full step.
    common = {"steps": 2, "multipliers": "1-2", "learning_rate": 1e-5}
    whole, parts = prepared("whole", **common), prepared("parts", accumulate=4, **common)
    for run in (whole, parts):
        train_here(run)
    one, other = (
        load_file(checkpoint.path_of(run.path, 2) / "model.safetensors") for run in (whole, parts)
    )
    for name in one:
        torch.testing.assert_close(one[name], other[name], atol=1e-6, rtol=0)


def test_a_process_of_its_own_trains_and_stops_on_request(prepared):
    run = prepared("one", steps=100_000, checkpoint_every=100_000)
    process = start(run)
    try:
        until_running(run)
        assert run.status["state"] == "running"
        with pytest.raises(RunError, match="is being trained already, by process"):
            start(run)
        with pytest.raises(RunError, match="in use by process"):
            train_here(run)
        asked = time.monotonic()
        assert stop(run).pid == process.pid
        assert process.wait(30) == 0
        assert time.monotonic() - asked < 30
    finally:
        process.kill()
    status = run.status
    assert status["state"] == "stopped"
    assert checkpoint.saved_steps(run.path) == [status["step"]]
    with pytest.raises(RunError, match=r"one is not being trained \(it is stopped\)"):
        stop(run)


@pytest.mark.slow
def test_a_killed_process_is_seen_as_interrupted(prepared):
    run = prepared("one", steps=100_000, checkpoint_every=100_000)
    process = start(run)
    try:
        until_running(run)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert run.status["state"] == "interrupted"


def test_a_run_that_was_not_prepared_says_so(tiny):
    run = runs.create("train", tiny().model_dump(), name="bare")
    with pytest.raises(RunError, match=r"manifest\.json does not exist"):
        start(run)


def test_images_that_changed_since_the_start_are_noticed(prepared, pictures):
    run = prepared("one")
    Image.new("RGB", (20, 20)).save(pictures[2])
    with pytest.raises(DataError, match=r"1 of 10 images changed.*2\.png, which has another"):
        train_here(run)
    assert run.status["state"] == "failed"
    assert "1 of 10 images changed" in run.status["error"]
    pictures[2].unlink()
    with pytest.raises(DataError, match=r"2\.png, which is gone"):
        train_here(run)


def test_a_missing_gpu_is_said_in_one_sentence(prepared, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    run = prepared("one", device="cuda")
    with pytest.raises(
        EnvironmentFault, match=r"device is cuda, and PyTorch .* finds no such device"
    ):
        train_here(run)
    assert run.status["error"].startswith("device is cuda")
    run = prepared("two", mixed_precision="fp16")
    with pytest.raises(EnvironmentFault, match="mixed_precision fp16 needs a GPU"):
        train_here(run)


def test_nan_is_rolled_back_once_and_training_goes_on(prepared, monkeypatch):
    from curadiff.diffusion.train import loop

    run = prepared("one", checkpoint_every=2)
    step = loop.Training.train_step

    def poisoned(self):
        done = step(self)
        if self.step == 4 and self.attempt == 0:
            self.loss_sum += float("nan")
        return done

    monkeypatch.setattr(loop.Training, "train_step", poisoned)
    messages = []
    write = runs.Run.set_status
    monkeypatch.setattr(
        runs.Run,
        "set_status",
        lambda run, *args, **values: (
            messages.append(values["message"]) or write(run, *args, **values)
        ),
    )
    assert train_here(run) == "finished"
    assert any(
        message.startswith(
            "step 6 of 6; went back to step 2 once, as loss, gradient or weights were"
        )
        for message in messages
    )
    state = json.loads((checkpoint.path_of(run.path, 6) / "state.json").read_text())
    assert state["attempt"] == 1


def spoil_gradients(monkeypatch, spoiled):
    """Let a weight's gradient be infinite in some steps, counted from 0."""
    from curadiff.diffusion.train import loop

    update = loop.Training._update

    def worse(self):
        if spoiled(self.step):
            next(iter(self.state.weights.values())).grad[0] = float("inf")
        update(self)

    monkeypatch.setattr(loop.Training, "_update", worse)


def test_a_step_without_a_finite_gradient_changes_nothing(prepared, monkeypatch, weights):
    from curadiff.diffusion.train import loop

    one, other = prepared("one"), prepared("other")
    with monkeypatch.context() as patched:
        spoil_gradients(patched, lambda step: step == 3)
        assert train_here(one) == "finished"
    update = loop.Training._update

    def left_out(self):
        if self.step == 3:
            self.state.optimizer.zero_grad()
        else:
            update(self)

    monkeypatch.setattr(loop.Training, "_update", left_out)
    assert train_here(other) == "finished"
    assert weights(one) == weights(other)
    assert sum(entry.get("skipped_steps", 0) for entry in one.log()) == 1
    assert "; 1 step skipped, as the gradient was not finite" in one.status["message"]
    assert "skipped" not in other.status["message"]


@pytest.mark.parametrize(
    ("spoiled", "at"),
    [  # checkpoints are every 2 steps; back from 13 to 12, then stopped in 22
        (lambda step: step >= 3, (12, 20)),
        # 3/4 of a step each time are not made up for: the 13th is one too many, 28 and 52
        (lambda step: step >= 3 and step % 2, (26, 50)),
        (lambda step: step % 5 == 0, None),  # all made up for
    ],
    ids=["all", "every second", "every fifth"],
)
def test_a_training_that_skips_too_many_steps_goes_back_and_stops(
    prepared, monkeypatch, spoiled, at
):
    run = prepared("one", steps=60, checkpoint_every=2, grid_every=1000, learning_rate=1e-3)
    spoil_gradients(monkeypatch, spoiled)
    if at is None:
        assert train_here(run) == "finished"
        assert "; 12 steps skipped" in run.status["message"]
        return
    back_to, kept = at
    said = rf"back to the checkpoint at step {back_to}; the one at step {kept} is kept.*0\.0003"
    with pytest.raises(RunError, match=said):
        train_here(run)
    assert checkpoint.saved_steps(run.path)[-1] == kept


@pytest.mark.parametrize(
    ("every", "where"), [(2, "the checkpoint at step 2"), (6, "the beginning")]
)
def test_nan_that_comes_again_stops_with_step_and_last_good_checkpoint(
    prepared, monkeypatch, every, where
):
    from curadiff.diffusion.train import loop

    run = prepared("one", checkpoint_every=every, learning_rate=1e-3)
    step = loop.Training.train_step

    def poisoned(self):
        done = step(self)
        if self.step == 4:
            with torch.no_grad():
                next(iter(self.state.weights.values())).fill_(float("nan"))
        return done

    monkeypatch.setattr(loop.Training, "train_step", poisoned)
    keeping = f"--start-from {run.id} " if every == 2 else ""
    with pytest.raises(
        RunError,
        match=rf"NaN or infinity\) near step \d+, again after going back to {where}.* start a new "
        rf"one with {keeping}--learning-rate 0\.0003 \(learning_rate was 0\.001\)\.$",
    ):
        train_here(run)
    assert run.status["state"] == "failed"
    good = checkpoint.saved_steps(run.path)
    assert good == ([2] if every == 2 else [])


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


@pytest.mark.parametrize("asked_in_step", [1, 4])
def test_who_asks_to_stop_waits_for_a_part_of_a_step_only(prepared, weights, asked_in_step):
    from curadiff.diffusion.train.worker import train_run

    values = {"accumulate": 4, "grid_every": 99, "checkpoint_every": 6}
    whole, parts = prepared("whole", **values), prepared("parts", **values)
    train_here(whole)
    done = 4 * (asked_in_step - 1)  # three times between the parts, once after the step
    asked = iter([*[False] * (done + 1), True])  # the second of four parts is done
    assert train_run(parts, lambda: next(asked)) == "stopped"
    assert checkpoint.saved_steps(parts.path) == ([asked_in_step - 1] if asked_in_step > 1 else [])
    assert parts.status["step"] == asked_in_step - 1
    assert train_here(parts) == "finished"
    assert weights(parts) == weights(whole)


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
