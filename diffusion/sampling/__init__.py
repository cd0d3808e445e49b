"""From a trained network to pictures: samplers, one batch, a folder of many images."""
