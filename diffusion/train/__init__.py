"""The training loop and what it consists of; `curadiff.diffusion.jobs` starts it."""
