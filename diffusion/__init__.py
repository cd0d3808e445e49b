"""Train a diffusion model and draw images from it; knows no FiftyOne.

    prepare          check the images and write the run's manifest
    start            train in a process of its own; also resumes
    train_here       train in this process
    stop             ask a training to checkpoint and end
    change           change how long or where a training goes on
    generate         draw images from a trained run
    freeze           keep the images of a run of the network analytic, in this process
    from_run         initialize a run with another run's averaged weights
    from_lucidrains  initialize a run with a checkpoint of denoising-diffusion-pytorch

Names load on first use, so that importing the package does not import torch.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
