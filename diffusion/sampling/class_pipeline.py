"""A diffusers pipeline for a network that is told classes; it needs diffusers alone.

    from diffusers import DiffusionPipeline

    pipe = DiffusionPipeline.from_pretrained("FOLDER", trust_remote_code=True)
    pipe(class_labels=["shoe", "bag"], guidance_scale=2).images

A training with classes leaves this file as ``pipeline.py`` in its folder.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from diffusers.models.unets.unet_2d import UNet2DModel
from diffusers.pipelines.pipeline_utils import DiffusionPipeline, ImagePipelineOutput
from diffusers.schedulers.scheduling_ddpm import DDPMScheduler
from diffusers.utils.torch_utils import randn_tensor


class ClassConditionalPipeline(DiffusionPipeline):
    """Draw images of classes with a ``UNet2DModel`` whose last class stands for no class.

    Args:
        unet: With ``num_class_embeds`` one larger than the number of classes.
        scheduler: Any scheduler of diffusers with the noise levels of the training.
        id2label: Names of the classes by their number.
    """

    model_cpu_offload_seq = "unet"

    unet: Any
    scheduler: Any

    def __init__(
        self,
        unet: UNet2DModel,
        scheduler: DDPMScheduler,
        id2label: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__()
        self.register_modules(unet=unet, scheduler=scheduler)
        self.register_to_config(id2label=dict(id2label or {}))
        self.labels = {name: int(number) for number, name in (id2label or {}).items()}

    def get_label_ids(self, label: str | Sequence[str]) -> list[int]:
        """Return the numbers of classes by their names.

        Raises:
            ValueError: There is no such class.
        """
        names = [label] if isinstance(label, str) else list(label)
        for name in names:
            if name not in self.labels:
                raise ValueError(
                    f"there is no class {name!r}; give one of {', '.join(self.labels)}."
                )
        return [self.labels[name] for name in names]

    @torch.no_grad()
    def __call__(
        self,
        class_labels: str | int | Sequence[str | int | None] | None = None,
        batch_size: int = 1,
        guidance_scale: float = 1.0,
        generator: torch.Generator | list[torch.Generator] | None = None,
        num_inference_steps: int = 1000,
        output_type: str = "pil",
        return_dict: bool = True,
    ) -> ImagePipelineOutput | tuple[Any]:
        """Draw images.

        Args:
            class_labels: Classes by name or number, one per image; one alone is that of all; None
                is no class, which only a training that dropped labels or had unlabeled images
                has learned.
            batch_size: Number of images where there is no list of classes.
            guidance_scale: How far to go from what is drawn without the class toward what is
                drawn with it; 1 is none.
            generator: As for ``DDPMPipeline``.
            num_inference_steps: Steps of the scheduler.
            output_type: ``pil``, ``np`` or ``pt``.
            return_dict: Return an ``ImagePipelineOutput``, else a tuple.
        """
        if class_labels is None or isinstance(class_labels, str | int):
            class_labels = [class_labels] * batch_size
        numbers = [self._number(label) for label in class_labels]
        device = self._execution_device
        config = self.unet.config
        shape = (len(numbers), config.in_channels, config.sample_size, config.sample_size)
        x = randn_tensor(shape, generator=generator, device=device, dtype=self.unet.dtype)
        classes = torch.tensor(numbers, device=device)
        of_none = torch.full_like(classes, self._no_class)
        self.scheduler.set_timesteps(num_inference_steps)
        x = x * self.scheduler.init_noise_sigma
        takes_generator = {"generator": generator} if generator is not None else {}
        steps: Any = self.progress_bar
        for t in steps(self.scheduler.timesteps):
            scaled = self.scheduler.scale_model_input(x, t)
            output = self.unet(scaled, t, class_labels=classes).sample
            if guidance_scale != 1:
                without = self.unet(scaled, t, class_labels=of_none).sample
                output = without + guidance_scale * (output - without)
            x = self.scheduler.step(output, t, x, **takes_generator).prev_sample
        images = (x / 2 + 0.5).clamp(0, 1)
        if output_type != "pt":
            images = images.cpu().permute(0, 2, 3, 1).float().numpy()
            if output_type == "pil":
                images = self.numpy_to_pil(images)
        self.maybe_free_model_hooks()
        return ImagePipelineOutput(images=images) if return_dict else (images,)

    @property
    def _no_class(self) -> int:
        return self.unet.config.num_class_embeds - 1

    def _number(self, label: str | int | None) -> int:
        if label is None:
            return self._no_class
        if isinstance(label, str):
            return self.get_label_ids(label)[0]
        if not 0 <= label <= self._no_class:
            raise ValueError(f"class_labels must be 0 to {self._no_class}, got {label}.")
        return label
