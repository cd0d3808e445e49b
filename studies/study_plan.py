"""What a study will do, step by step, before anything is done: images, steps, FLOPs, hours, disk.

Hours are FLOPs over what a device does in a second: its peak, stated by its maker, times `SHARE`,
the part of the peak that networks of this size reach. That is an estimate for choosing settings,
not a measurement; ``--estimate`` measures on the machine at hand.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..config import StudySettings, TrainSettings
from ..workflows.doctor import disk_of
from . import curves, planning
from .preview.first import announce_preview

DEVICES = {"H100": 989e12, "A100": 312e12, "RTX 4090": 165e12}
"""Peak FLOP/s in bfloat16 without sparsity (NVIDIA's data sheets)."""

SHARE = 0.2
"""Of the peak: convolutions on small images leave most of a GPU idle."""

BACKWARD = 2.0
"""Cost of the gradients in forward passes."""

ENCODERS = {  # layers, width, patches and class tokens of an image
    "clip-vit-b32": (12, 768, 50),
    "dinov2-vit-l14": (24, 1024, 257),
}


@dataclass(frozen=True)
class Step:
    """One kind of step of a study.

    Attributes:
        what: What is done.
        times: How often.
        images: Images that it is done on each time, as text: a number, or what is not known.
        steps: Optimizer steps, or network evaluations per image; None where neither applies.
        flops: Floating-point operations in all; None where unknown.
        disk_bytes: Room that it takes in all.
    """

    what: str
    times: int
    images: str
    steps: int | None
    flops: float | None
    disk_bytes: int = 0


@dataclass(frozen=True)
class StudyPlan:
    """All steps of a study and what they take on one device.

    Attributes:
        steps: The steps, in their order.
        device: Name of the device.
        flops_per_second: What it is taken to do.
        disk_bytes: Room for checkpoints and images, all together.
        preview: Whether a preview comes first, and what it takes; empty without one.
        warmup: Whether the learning rate rises for too long; empty where it does not.
    """

    steps: list[Step]
    device: str
    flops_per_second: float
    disk_bytes: int
    preview: str = ""
    warmup: str = ""

    @property
    def hours(self) -> float:
        """Hours of the steps whose cost is known, one after the other."""
        return sum(step.flops or 0.0 for step in self.steps) / self.flops_per_second / 3600

    def __str__(self) -> str:
        rows = [("step", "times", "images", "steps", "PFLOP", "hours")]
        for step in self.steps:
            known = step.flops is not None
            rows.append(
                (
                    step.what,
                    f"{step.times:,}",
                    step.images,
                    "" if step.steps is None else f"{step.steps:,}",
                    f"{(step.flops or 0) / 1e15:,.1f}" if known else "?",
                    f"{(step.flops or 0) / self.flops_per_second / 3600:,.2f}" if known else "?",
                )
            )
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        lines = [
            "  ".join(
                cell.ljust(width) if i == 0 else cell.rjust(width)
                for i, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in rows
        ]
        lines.insert(1, "  ".join("-" * width for width in widths))
        total = sum(step.flops or 0.0 for step in self.steps)
        peak = self.flops_per_second / SHARE
        return "\n".join(
            [
                *([self.preview, ""] if self.preview else []),
                *lines,
                "",
                f"{total / 1e18:,.2f} EFLOP, about {self.hours:,.1f} hours on one {self.device} "
                f"({peak / 1e12:,.0f} TFLOP/s at peak, of which {SHARE:.0%} are taken to be "
                f"reached), about {self.disk_bytes / 1e9:,.1f} GB on disk. Nothing was started.",
                *([self.warmup] if self.warmup else []),
            ]
        )


def study_plan(
    config: StudySettings, *, images: int | None = None, device: str = "H100"
) -> StudyPlan:
    """Say what a study will do and take.

    Args:
        config: Its settings.
        images: How many images there are; None where that is not known.
        device: A name of `DEVICES`.
    """
    forward = None if config.trainer == "command" else forward_flops(config.train)
    held = None if images is None else round(images * config.held_out)
    pool = None if images is None or held is None else images - held
    steps = [
        Step(
            "embed for the selection",
            1,
            _known(images),
            None,
            _encode(config.embed.encoder, images),
        )
    ]
    by_arm, lengths = _cells_by_arm(config), []
    for arm in config.arms:
        draws = len(set(config.draws_of(arm)))
        size = pool if arm.method == "full" else arm.budget or config.budget
        if arm.method != "full":
            steps.append(Step(f"select {arm.name}", draws, _known(size), None, 0.0))
        count = by_arm[arm.name]
        optimizer = config.steps_of(arm, size)
        lengths.append(optimizer)
        seen = optimizer * config.train.batch_size
        train = None if forward is None else count * seen * (1 + BACKWARD) * forward
        steps.append(Step(f"train {arm.name}", count, _known(size), optimizer, train))
    trainings = sum(by_arm.values())
    draw = config.generate
    evaluations = None if forward is None else forward * draw.steps
    steps.append(
        Step(
            "generate",
            trainings,
            f"{draw.count:,}",
            draw.steps,
            None if evaluations is None else trainings * draw.count * evaluations,
        )
    )
    judged = draw.count
    if config.curve and forward is not None and evaluations is not None:
        each = curves.images_drawn(draw.count)
        times = trainings * config.curve
        steps.append(
            Step(
                "generate at checkpoints",
                times,
                f"{each:,}",
                draw.steps,
                times * each * evaluations,
            )
        )
        judged += each * config.curve
    per_image = _encode(config.evaluate.encoder, 1)
    steps.append(
        Step(
            "embed for the judge",
            1,
            _known(None if images is None else images + trainings * judged),
            None,
            None
            if per_image is None or images is None
            else per_image * (images + trainings * judged),
        )
    )
    return StudyPlan(
        steps,
        device,
        DEVICES[device] * SHARE,
        disk_of(config),
        announce_preview(config, images),
        config.warmup_note(lengths),
    )


def forward_flops(settings: TrainSettings) -> float:
    """Count the floating-point operations of one image through a network, once."""
    if settings.network == "analytic":
        return 0.0
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from ..diffusion.networks import network

    with torch.device("meta"), FlopCounterMode(display=False) as counter, torch.no_grad():
        built = network.build(settings)
        side = settings.image_size
        built(torch.empty(1, 3, side, side), torch.zeros(1, dtype=torch.long))
    return float(counter.get_total_flops())


def encoder_flops(layers: int, width: int, tokens: int) -> float:
    """Count the floating-point operations of a vision transformer on one image.

    A layer multiplies each token by 12 width^2 weights (attention 4, MLP 8), and every pair of
    tokens twice over the width; a multiplication and its addition are two operations.
    """
    return 2.0 * layers * (12 * width**2 * tokens + 2 * tokens**2 * width)


def _encode(encoder: str, images: int | None) -> float | None:
    if encoder not in ENCODERS or images is None:
        return None
    return images * encoder_flops(*ENCODERS[encoder])


def _cells_by_arm(config: StudySettings) -> Mapping[str, int]:
    counted: dict[str, Any] = {arm.name: 0 for arm in config.arms}
    for cell in planning.cells(config):
        counted[cell.arm.name] += 1
    return counted


def _known(count: int | None) -> str:
    return "all" if count is None else f"{count:,}"
