"""A loss, gradient or weight that is not finite: skipped, rolled back, or stopped with words."""

import json

import pytest
import torch
from curadiff import runs
from curadiff.common.errors import RunError
from curadiff.diffusion import train_here
from curadiff.diffusion.train import checkpoint


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
