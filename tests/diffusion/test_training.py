"""A whole training at tiny size."""

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

FEW_IMPORTS = {"network": "lucidrains", "layers": 2}  # for what starts afresh: no diffusers


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
    run = prepared("one", **FEW_IMPORTS, steps=100_000, checkpoint_every=100_000)
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
