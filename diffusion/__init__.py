"""Train a diffusion model and draw images from it; knows no FiftyOne."""
