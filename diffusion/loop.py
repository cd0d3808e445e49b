"""The training loop.

    plan the batch from (seed, step) -> noise it -> loss -> step -> average

Between two log entries the host never waits for the device. The state of the
training is in `State`; everything random is in `randomness`; so what happens
after step s does not depend on how s was reached.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import cast

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor, nn

from ..config import TrainSettings
from ..errors import RunError
from ..runs import Run
from . import (
    checkpoint,
    draw,
    engine,
    manifest,
    network,
    pipeline,
    pixels,
    randomness,
    schedules,
    watch,
)
from .objective import Objective
from .progress import Progress
from .state import State

GRID = 16  # pictures in a sample grid
GRID_EVALUATIONS = 25


class Training:
    """One training, from a prepared run directory to its last step.

    Args:
        run: Prepared with `jobs.prepare`.
        accelerator: From `engine.accelerator`.
        stop_asked: Says whether to checkpoint and end; asked once per step.
    """

    def __init__(self, run: Run, accelerator: Accelerator, stop_asked: Callable[[], bool]) -> None:
        self.run, self.accelerator, self.stop_asked = run, accelerator, stop_asked
        self.settings = s = TrainSettings(**run.settings)
        self.device = accelerator.device
        images = manifest.read(run)
        manifest.check_unchanged(images)
        self.pictures = self._resident(pixels.load(images["paths"], images["sha256"], s.image_size))
        self.held_out = self._held_out()
        inner = network.build(s).to(self.device)
        if self.device.type == "cuda":
            inner = inner.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.state = State(inner, network.bare(inner), s)
        self.forward: nn.Module = accelerator.prepare_model(inner)
        self.compiled = "no"
        self.scaler = accelerator.scaler
        self.alpha_bar = schedules.alpha_bar(s.schedule, s.timesteps)
        self.objective = Objective(
            self.alpha_bar, prediction=s.prediction, min_snr=s.min_snr, device=self.device
        )
        self.step, self.attempt = 0, 0
        self.loss_sum = torch.zeros((), device=self.device)
        self.loss_count = 0
        self.rolled_back_to: int | None = None
        self.group = engine.host_group(accelerator)
        self.progress = Progress(run, step=0, steps=s.steps, batch_size=s.batch_size)

    @property
    def main(self) -> bool:
        """Whether this process is the one that writes."""
        return self.accelerator.is_main_process

    def run_to_end(self) -> str:
        """Train until the last step or until asked to stop: ``finished`` or ``stopped``."""
        s = self.settings
        if engine.wants_compile(s, self.device):
            self.compiled = self._compile()
        self._begin()
        while self.step < s.steps:
            self.train_step()
            at_checkpoint = self.step % s.checkpoint_every == 0 or self.step == s.steps
            stop, log = self._agreed(self.stop_asked(), self.progress.due() or self.step == 1)
            if (log or at_checkpoint or stop) and not self._log():
                self._roll_back()
                continue
            if at_checkpoint or stop:
                self.save()
                if self.main and self.held_out is not None:
                    self.watch(self.held_out)
            if self.main and self.step % (s.grid_every or s.checkpoint_every) == 0:
                self.save_grid()
            if stop and self.step < s.steps:
                return "stopped"
        if self.main:
            self.save_grid()
        self.accelerator.end_training()
        return "finished"

    def train_step(self) -> None:
        """Do one optimizer step."""
        s = self.settings
        plan = self._plan()
        self.state.set_learning_rate(self.step)
        for number in range(s.accumulate):
            with self._synchronized(number == s.accumulate - 1):
                loss = self._loss(self._part(plan, number))
                self.accelerator.backward(loss / s.accumulate)
            self.loss_sum += loss.detach()
            self.loss_count += 1
        self._update()
        self.step += 1
        self.state.averaged(self.step)

    def _plan(self) -> randomness.Plan:
        s = self.settings
        return randomness.plan(
            seed=s.seed,
            step=self.step,
            batch_size=s.batch_size,
            images=len(self.pictures),
            timesteps=s.timesteps,
            flip=s.horizontal_flip,
            attempt=self.attempt,
        )

    def _part(self, plan: randomness.Plan, number: int) -> randomness.Plan:
        """Take this process's part of a batch, one of ``accumulate``."""
        s = self.settings
        size = s.batch_size // (self.accelerator.num_processes * s.accumulate)
        first = self.accelerator.process_index * s.accumulate + number
        return plan.part(slice(first * size, (first + 1) * size))

    def _loss(self, part: randomness.Plan) -> Tensor:
        index, flip, t = self._to_device(part)
        x_0 = draw.to_unit(self._gather(index, part.index))
        x_0 = torch.where(flip.view(-1, 1, 1, 1), x_0.flip(-1), x_0)
        noise = randomness.normal(part.noise, x_0.shape[1:], self.device)
        return self.objective.losses(self.forward, x_0, t, noise).mean()

    def _update(self) -> None:
        weights = list(self.state.weights.values())
        if self.scaler is not None:
            self.scaler.unscale_(self.state.optimizer)
        if self.settings.clip is not None:
            nn.utils.clip_grad_norm_(weights, self.settings.clip)
        if self.scaler is not None:
            self.scaler.step(self.state.optimizer)
            self.scaler.update()
        else:
            self.state.optimizer.step()
        self.state.optimizer.zero_grad(set_to_none=True)

    def _synchronized(self, last: bool) -> AbstractContextManager[None]:
        """Let processes exchange gradients only after a batch's last part."""
        return nullcontext() if last else self.accelerator.no_sync(self.forward)

    def _resident(self, pictures: np.ndarray) -> Tensor:
        """Hold the images, (n, 3, h, w) uint8, on a GPU when they take less than half of it."""
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
            host = torch.from_numpy(pictures)  # still on disk, memory-mapped
        if self.device.type == "cuda":
            free, _ = torch.cuda.mem_get_info(self.device)
            if host.nbytes < free / 2:
                return host.to(self.device)
        return host

    def _held_out(self) -> Tensor | None:
        """Return some images that are not trained on, (n, 3, h, w) in [-1, 1], if there are any."""
        if not (self.run.path / manifest.HELD_OUT).exists():
            return None
        listed = manifest.read(self.run, manifest.HELD_OUT)
        found = pixels.load(listed["paths"], listed["sha256"], self.settings.image_size)
        return draw.to_unit(torch.from_numpy(np.array(found[: watch.IMAGES])).to(self.device))

    def _compile(self) -> str:
        """Compile the network; where that fails, train without and say why."""
        bare = network.bare(self.state.network)
        try:
            return engine.compile_or_say(
                bare,
                lambda: self._loss(self._part(self._plan(), 0)).backward(),
                cache=self.run.path / "compile-cache",
            )
        finally:
            self.state.optimizer.zero_grad(set_to_none=True)

    def _gather(self, index: Tensor, host_index: np.ndarray) -> Tensor:
        if self.pictures.device == self.device:
            return self.pictures[index]
        return self.pictures[torch.from_numpy(host_index)].to(self.device, non_blocking=True)

    def _to_device(self, part: randomness.Plan) -> tuple[Tensor, Tensor, Tensor]:
        """Copy index, flip and t in one transfer that the host does not wait for."""
        packed = torch.from_numpy(np.stack([part.index, part.flip.astype(np.int64), part.t]))
        if self.device.type == "cuda":
            packed = packed.pin_memory()
        index, flip, t = packed.to(self.device, non_blocking=True)
        return index, flip.bool(), t

    def _agreed(self, *wishes: bool) -> list[bool]:
        """Let all processes do at this step what one of them wishes."""
        if self.accelerator.num_processes == 1:
            return list(wishes)
        votes = torch.tensor(wishes, dtype=torch.int32)
        torch.distributed.all_reduce(votes, torch.distributed.ReduceOp.MAX, group=self.group)
        return votes.bool().tolist()

    def _log(self) -> bool:
        """Write an entry; False when the training has left the finite numbers."""
        norms = torch._foreach_norm(list(self.state.weights.values()))  # pyright: ignore
        seen = torch.stack([self.loss_sum / max(self.loss_count, 1), torch.stack(norms).sum()])
        loss, size = cast(Tensor, self.accelerator.reduce(seen, "mean")).tolist()  # the host waits
        self.loss_sum.zero_()
        self.loss_count = 0
        finite = math.isfinite(loss) and math.isfinite(size)
        if finite and self.main:
            rate = self.state.optimizer.param_groups[0]["lr"]
            self.progress.write(self.step, loss=round(loss, 6), learning_rate=rate)
            self.accelerator.log({"loss": loss, "learning_rate": rate}, step=self.step)
        return finite

    def _begin(self) -> None:
        """Take up the last checkpoint, if there is one."""
        known = checkpoint.steps(self.run.path)
        self._restore(known[-1] if known else 0)
        if self.settings.tracker != "none":
            self.accelerator.init_trackers("curadiff", config=self.settings.model_dump())
        if self.main:
            need = checkpoint.disk_bytes(self.state.count(), self.settings.keep_checkpoints)
            self.run.set_status(
                "running",
                step=self.step,
                steps=self.settings.steps,
                images=len(self.pictures),
                weights=self.state.count(),
                device=str(self.device),
                precision=self.accelerator.mixed_precision,
                processes=self.accelerator.num_processes,
                compiled=self.compiled,
                disk_bytes_at_most=need,
                message=f"training on {self.device}; needs up to {need / 1e9:.2f} GB of disk",
            )

    def _restore(self, step: int) -> None:
        """Go to the state after ``step`` steps; 0 is the beginning."""
        if step:
            tensors, state = checkpoint.load(self.run.path, step)
            self.state.restore(tensors)
            self.attempt = max(self.attempt, state["attempt"])
            if self.scaler is not None and state["scaler"] is not None:
                self.scaler.load_state_dict(state["scaler"])
        else:
            fresh = network.bare(network.build(self.settings).to(self.device))
            self.state.reset(dict(fresh.named_parameters()))
        self.step = step
        if self.main:
            self.progress.rewind(step)

    def _roll_back(self) -> None:
        """Go back to the last checkpoint after NaN or infinity, once from each.

        Raises:
            RunError: It happened again.
        """
        good = (checkpoint.steps(self.run.path) or [0])[-1]
        if self.rolled_back_to == good:
            where = f"the checkpoint at step {good}" if good else "the beginning"
            raise RunError(
                f"the loss or the weights stopped being finite near step {self.step}, again after "
                f"going back to {where}, which is kept; start a new training with a lower "
                f"learning_rate (it is {self.settings.learning_rate}) or mixed_precision no."
            )
        self.rolled_back_to = good
        self.attempt += 1
        self._restore(good)

    def save(self) -> None:
        """Write a checkpoint and publish the averaged weights as a pipeline."""
        if self.main:
            scaler = None if self.scaler is None else self.scaler.state_dict()
            folder = checkpoint.save(
                self.run.path,
                self.step,
                self.state.tensors(),
                {"attempt": self.attempt, "scaler": scaler},
                keep=self.settings.keep_checkpoints,
            )
            if self.settings.network == "unet2d":
                pipeline.publish(self.run.path, self.settings, folder / "ema.safetensors")
        self.accelerator.wait_for_everyone()

    def watch(self, held_out: Tensor) -> None:
        """Log the averaged weights' loss by noise level, on trained and on held-out images."""
        seen = draw.to_unit(self.pictures[: watch.IMAGES].to(self.device))
        losses = {}
        with self.state.with_average(), engine.eager(network.bare(self.state.network)):
            for name, pictures in (("train", seen), ("held_out", held_out)):
                losses[name] = watch.by_level(
                    self.state.network, self.objective, pictures, self.settings.timesteps
                )
        self.progress.note(self.step, loss_by_level=losses)

    def save_grid(self) -> None:
        """Draw pictures from the averaged weights, always from the same noise.

        A large picture on a CPU takes minutes; who asks to stop need not wait for it.
        """
        with (
            self.state.with_average(),
            engine.eager(network.bare(self.state.network)),
            suppress(draw.GaveUp),
        ):
            pictures = draw.draw(
                self.state.network,
                range(GRID),
                size=self.settings.image_size,
                alpha_bar=self.alpha_bar.tolist(),
                prediction=self.settings.prediction,
                sampler="ddim",
                evaluations=min(GRID_EVALUATIONS, self.settings.timesteps),
                device=self.device,
                give_up=self.stop_asked if self.step < self.settings.steps else None,
            )
            path = self.run.path / "grids" / f"step-{self.step:08d}.png"
            draw.save_grid(pictures, path, columns=4)
