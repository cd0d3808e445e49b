"""The training loop.

    plan the batch from (seed, step) -> noise it -> loss -> step -> EMA

Between two log entries the host never waits for the device. The state of the
training is in `State`; everything random is in `randomness`; so what happens
after step s does not depend on how s was reached.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import cast

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from ...common.errors import RunError
from ...config import TrainSettings, settings_of
from ...runs import Run
from .. import manifest, pixels, schedules
from ..init import initialize
from ..networks import network, on_cpu, on_gpu
from ..sampling import pipeline
from . import checkpoint, engine, graphs, patience, power_ema, randomness
from .batches import Batches
from .monitor import Monitor
from .objective import BatchLoss, Objective
from .progress import Progress
from .state import State

SKIPPED_AT_MOST = 10  # steps without a finite gradient in a row; then the training goes back
MADE_UP_FOR = 0.25  # of a skipped step, by each that was not skipped


class Training:
    """One training, from a prepared run directory to its last step.

    Args:
        run: Prepared with `preparing.prepare`.
        accelerator: From `engine.accelerator`.
        stop: Whether to checkpoint and end; called after every step and between
            the parts of one.
    """

    def __init__(
        self, run: Run, accelerator: Accelerator, stop_requested: Callable[[], bool]
    ) -> None:
        self.run, self.accelerator, self.stop_requested = run, accelerator, stop_requested
        self.settings = s = settings_of(TrainSettings, run)
        self.device = accelerator.device
        self.main = accelerator.is_main_process  # the one that writes
        images = manifest.read(run)
        manifest.check_unchanged(images)
        self.batches = Batches(
            pixels.load(images["paths"], images["sha256"], s.image_size),
            s,
            device=self.device,
            labels=images.get("labels"),
            processes=accelerator.num_processes,
            process=accelerator.process_index,
        )
        half = accelerator.mixed_precision in ("bf16", "fp16")
        fuses = on_gpu.fuses(s.network, self.device, half=half)
        self.faster_by = engine.speed_up_by(s, self.device, accelerator.num_processes, fuses=fuses)
        compiled = self.faster_by == "compiling"
        built = network.build(s, run.path)
        inner = on_gpu.prepare(built, self.device, half=half, compiled=compiled)
        if accelerator.num_processes == 1:  # DistributedDataParallel warns of other orders
            inner = on_cpu.prepare(inner, self.device, half=half)
        self.state = State(inner, network.unwrap(inner), s)
        self.forward: nn.Module = accelerator.prepare_model(inner)
        self.compiled = self.cuda_graphs = "no"
        self.scaler = accelerator.scaler
        self.objective = Objective(
            schedules.alpha_bar(s.schedule, s.timesteps),
            prediction=s.prediction,
            min_snr=s.min_snr,
            weighting=s.weighting,
            device=self.device,
        )
        self.batch_loss: nn.Module = BatchLoss(self.forward, self.objective)
        self.step, self.attempt = 0, 0
        self.loss_sum = torch.zeros((), device=self.device)
        self.loss_count = 0
        self.skipped = torch.zeros(2, device=self.device)  # not made up for; since the last log
        self.skipped_steps = 0  # of the whole training, up to the last log
        self.rolled_back_to: int | None = None
        self.group = engine.host_group(accelerator)
        self.monitor = Monitor(
            run,
            s,
            self.state,
            self.objective,
            training_images=self.batches.pictures,
            training_classes=self.batches.classes,
            device=self.device,
        )
        self.progress = Progress(run, step=0, steps=s.steps, batch_size=s.batch_size)

    def run_to_end(self) -> str:
        """Train until the last step or until asked to stop: ``finished`` or ``stopped``."""
        began = time.monotonic()
        self.speed_up()
        if self.main and self.compiled != "no":
            seconds = round(time.monotonic() - began, 1)
            self.run.set_status("starting", compile_seconds=seconds, message="compiled")
        self._begin()
        state = self._train()
        if state == "finished" and self.main and not self.monitor.grid_file(self.step).exists():
            self._save_grid()
        self.accelerator.end_training()  # trackers write what they hold back
        return state

    def _train(self) -> str:
        s = self.settings
        ends_early = patience.PATIENCE in self.run.record
        self._log_missing_validation_loss()
        while self.step < s.steps:
            if ends_early and self._ends_early():
                return "finished"
            if not self.train_step():
                self._save_before_ending()
                return "stopped"
            at_checkpoint = self.step % s.checkpoint_every == 0 or self.step == s.steps
            stop, log = engine.any_rank([self.stop_requested(), self._log_is_due()], self.group)
            if (log or at_checkpoint or stop) and not self._log():
                self._roll_back()
                continue
            every = s.power_ema_every
            if every and self.main and (self.step % every == 0 or self.step == s.steps):
                power_ema.save(self.run.path, self.step, self.state.averages)
            if at_checkpoint or stop:
                self.save()
                if stop and self.step < s.steps:
                    return "stopped"
                if self.main:
                    self.monitor.log_validation_loss(self.step, self.progress)
            if self.main and self.step % (s.grid_every or s.checkpoint_every) == 0:
                self._save_grid()
        return "finished"

    def _log_missing_validation_loss(self) -> None:
        """Log the loss of the checkpoint to begin from, where an end came before it was logged."""
        at_checkpoint = self.step % self.settings.checkpoint_every == 0
        at_checkpoint |= self.step == self.settings.steps
        if not self.main or not self.step or not at_checkpoint:
            return
        if self.step not in patience.validation_losses(self.run.log()):
            self.monitor.log_validation_loss(self.step, self.progress)

    def _ends_early(self) -> bool:
        """Tell whether the checkpoint just written is the last, for a loss that does not fall."""
        if self.step % self.settings.checkpoint_every:
            return False
        ends = self.main and patience.ends_early(self.run)
        if engine.any_rank([ends], self.group)[0]:
            if self.main:
                self.run.set_status("running", stopped_early=self.step)
            return True
        return False

    def _save_grid(self) -> None:
        last = self.step == self.settings.steps  # drawn in any case
        self.monitor.save_grid(self.step, None if last else self.stop_requested)

    def _log_is_due(self) -> bool:
        """Tell whether to log now: the process that writes decides, as its clock alone goes on."""
        return self.main and (self.progress.due() or self.step == 1)

    def train_step(self) -> bool:
        """Do one optimizer step; False when it was given up because a stop is asked for.

        Giving up between two parts of a batch loses nothing: the step's gradients are
        dropped, and it is done from its start when training goes on.
        """
        s = self.settings
        loss_before = self.loss_sum.clone() if s.accumulate > 1 else None
        plan = self.batches.plan(self.step, self.attempt)
        self.state.set_learning_rate(self.step)
        for number in range(s.accumulate):
            if (
                loss_before is not None
                and number > 0
                and engine.any_rank([self.stop_requested()], self.group)[0]
            ):
                self.state.optimizer.zero_grad(set_to_none=True)
                self.loss_sum, self.loss_count = loss_before, self.loss_count - number
                return False
            last = number == s.accumulate - 1  # then processes exchange their gradients
            with nullcontext() if last else self.accelerator.no_sync(self.forward):
                loss = self._loss(self.batches.part(plan, number))
                self.accelerator.backward(loss / s.accumulate)
            self.loss_sum += loss.detach()
            self.loss_count += 1
        self._update()
        self.step += 1
        self.state.update_ema(self.step)
        return True

    def _save_before_ending(self) -> None:
        """Write a checkpoint of the steps since the last one, if they are worth it."""
        saved = (checkpoint.saved_steps(self.run.path) or [0])[-1]
        if self.step > saved and (self.loss_count == 0 or self._log()):
            self.save()

    def _loss(self, part: randomness.Plan) -> Tensor:
        x_0, t, condition = self.batches.take(part)
        noise = randomness.normal(part.noise, x_0.shape[1:], self.device)
        if self.settings.dropout:  # which units are dropped follows from the part's noise
            torch.manual_seed(int(part.noise[0]))
        return self.batch_loss(x_0, t, noise, *condition)

    def _update(self) -> None:
        weights = list(self.state.weights.values())
        if self.scaler is not None:
            self.scaler.unscale_(self.state.optimizer)
        clip = math.inf if self.settings.clip is None else self.settings.clip
        norm = nn.utils.clip_grad_norm_(weights, clip)
        if self.scaler is not None:
            self.scaler.step(self.state.optimizer)
            self.scaler.update()
        else:
            self._skip_if_not_finite(norm)
            self.state.optimizer.step()
        self.state.optimizer.zero_grad(set_to_none=True)

    def _skip_if_not_finite(self, norm: Tensor) -> None:
        """Let the optimizer pass over a step whose gradient is not finite; the host does not wait.

        A group of channels that has become constant makes its normalization's gradient hundreds
        of times as long. Several in a row overflow, of a loss that is as low as ever; clipped,
        such a gradient is NaN, and so would all weights be.
        """
        skip = norm.isfinite().logical_not().float()
        self.state.optimizer.found_inf = skip  # type: ignore[attr-defined]
        weight, since_log = self.skipped
        lost = weight >= SKIPPED_AT_MOST
        later = (weight + torch.where(skip > 0, 1.0, -MADE_UP_FOR)).clamp(min=0)
        self.skipped = torch.stack([torch.where(lost, weight, later), since_log + skip])

    def speed_up(self) -> None:
        """Compile the network and record a step, as wanted; what fails is done without."""
        if self.faster_by == "compiling":
            bare, cache = network.unwrap(self.state.network), self.run.path / "compile-cache"
            self.compiled = engine.compile_or_explain(bare, self._use, cache=cache)
        if self.faster_by == "recording":
            self.batch_loss = replay = graphs.Replay(self.batch_loss)
            self._use()
            self.cuda_graphs = f"no: {replay.fault}" if replay.fault else "yes"
        self.state.optimizer.zero_grad(set_to_none=True)  # of a use that failed midway

    def _use(self) -> None:
        """Compute the loss and gradients of a batch."""
        self._loss(self.batches.part(self.batches.plan(0, 0), 0)).backward()
        self.state.optimizer.zero_grad(set_to_none=True)

    def _log(self) -> bool:
        """Write an entry; False when the training has left the finite numbers."""
        norms = torch._foreach_norm(list(self.state.weights.values()))  # pyright: ignore
        mean_loss = self.loss_sum / max(self.loss_count, 1)
        sums = torch.stack([mean_loss, torch.stack(norms).sum(), *self.skipped])
        reduced = cast(Tensor, self.accelerator.reduce(sums, "mean")).tolist()  # the host waits
        loss, size, weight, since_log = reduced
        self.loss_sum.zero_()
        self.loss_count = 0
        self.skipped[1] = 0
        finite = math.isfinite(loss) and math.isfinite(size) and weight < SKIPPED_AT_MOST
        self.skipped_steps += int(since_log)
        if finite and self.main:
            rate = self.state.optimizer.param_groups[0]["lr"]
            skipped = {"skipped_steps": int(since_log)} if since_log else {}
            self.progress.skipped = self.skipped_steps
            self.progress.write(self.step, loss=round(loss, 6), learning_rate=rate, **skipped)
            self.accelerator.log({"loss": loss, "learning_rate": rate}, step=self.step)
        return finite

    def _begin(self) -> None:
        """Take up the last checkpoint, if there is one."""
        last = checkpoint.newest(self.run.path, put_aside=self.main)
        self._restore(last)
        if self.settings.tracker != "none":
            self.accelerator.init_trackers(
                "curadiff", self.settings.model_dump(), engine.tracker_options(self.run)
            )
        if self.main:
            need = checkpoint.disk_bytes(self.state.count(), self.settings)
            warning = checkpoint.space_warning(self.run.path, need)
            message = f"training on {self.device}; needs up to {need / 1e9:.2f} GB of disk{warning}"
            if last is not None and last.warning:
                message = f"{last.warning}; going on from step {last.step}"
            self.run.set_status(
                "running",
                step=self.step,
                steps=self.settings.steps,
                images=len(self.batches),
                weights=self.state.count(),
                device=str(self.device),
                precision=self.accelerator.mixed_precision,
                processes=self.accelerator.num_processes,
                compiled=self.compiled,
                cuda_graphs=self.cuda_graphs,
                disk_bytes_at_most=need,
                message=message,
            )

    def _restore(self, saved: checkpoint.Checkpoint | None) -> None:
        """Go to the state of a checkpoint; None is the beginning."""
        if saved is not None:
            self.state.restore(saved.tensors)
            self.attempt = max(self.attempt, saved.state["attempt"])
            if self.scaler is not None and saved.state["scaler"] is not None:
                self.scaler.load_state_dict(saved.state["scaler"])
        else:
            initial = network.unwrap(network.build(self.settings, self.run.path).to(self.device))
            initialize.load_initial_weights(self.run.path, initial)
            self.state.reset(dict(initial.named_parameters()))
        self.step = 0 if saved is None else saved.step
        skipped = {} if saved is None else saved.state
        self.skipped[0] = skipped.get("skipped", 0)
        self.skipped_steps = self.progress.skipped = skipped.get("skipped_steps", 0)
        if self.main:
            self.progress.rewind(self.step)

    def _roll_back(self) -> None:
        """Go back to the last checkpoint after NaN or infinity, once from each stretch of it.

        Raises:
            RunError: It happened again.
        """
        last = checkpoint.newest(self.run.path, put_aside=self.main)
        good = 0 if last is None else last.step
        again = last is not None and last.state.get("skipped", 0) > 0  # of the same stretch
        if self.rolled_back_to is not None and (again or self.rolled_back_to == good):
            raise RunError(self._not_finite(self.rolled_back_to, good))
        self.progress.remark = (
            f"; went back to step {good} once, as loss, gradient or weights were not finite near "
            f"step {self.step}"
        )
        self.rolled_back_to = good
        self.attempt += 1
        self._restore(last)
        self.skipped[0] = 0  # other noise gets as many steps, also from within a bad stretch

    def _not_finite(self, back_to: int, good: int) -> str:
        """Say that going back did not help, which checkpoint is kept and what may help."""
        what = f"the checkpoint at step {back_to}" if back_to else "the beginning"
        if good:
            what += ", which is kept" if good == back_to else f"; the one at step {good} is kept"
        rate, precision = self.settings.learning_rate, self.accelerator.mixed_precision
        values = [f"--start-from {self.run.id}"] if good else []
        values.append(f"--learning-rate {rate / 3:.1g}")
        was = f"learning_rate was {rate:g}"
        cause = "The learning rate is too high for this training"
        if precision != "no":
            values.append("--mixed-precision no")
            cause += ", or its number format too coarse"
            was += f", mixed_precision {precision}"
        return (
            "loss, gradient or weights were no longer finite (NaN or infinity) near step "
            f"{self.step}, again after going back to {what}. {cause}; start a new one with "
            f"{' '.join(values)} ({was})."
        )

    def save(self) -> None:
        """Write a checkpoint and publish the averaged weights as a pipeline."""
        skipped = float(self.skipped[0])
        if not skipped:
            self.rolled_back_to = None
        if self.main:
            scaler = None if self.scaler is None else self.scaler.state_dict()
            folder = checkpoint.save(
                self.run.path,
                self.step,
                self.state.tensors(),
                {
                    "attempt": self.attempt,
                    "scaler": scaler,
                    "skipped": skipped,
                    "skipped_steps": self.skipped_steps,
                },
                keep=self.settings.keep_checkpoints,
                keep_every=self.settings.keep_every,
            )
            if self.settings.network == "unet2d":
                pipeline.publish(self.run.path, self.settings, folder / "ema.safetensors")
        self.accelerator.wait_for_everyone()
