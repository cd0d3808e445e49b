"""The best denoiser of a finite training set, in closed form: nothing is trained.

The posterior mean of the training images x_i, given a noisy y at noise level sigma, is

    e_i(p) = sum over q in window(p) of |y(q) - x_i(q)|^2 / (2 sigma^2)
    w_i(p) = softmax over i of -e_i(p)
    x_0(p) = sum over i of w_i(p) x_i(p)

With the whole picture as window this can only copy training images. With a window around
each pixel, as a convolutional network has a receptive field, it mixes them, and draws much
of what a trained network draws (Kamb and Ganguli 2024, arXiv:2412.20292). It sees windows,
not meaning, and knows nothing of a network's size, attention or training time.

    windows    how wide the window is at a noise level
    screening  which training images are looked at where there are many
    denoiser   the posterior mean
    rendering  from weights decided on small pictures to large ones
    drawing    samples pictures, and says which training images each is made of
    sources    these weights: kept with the pictures, and summed up per training image
    variations drawings begun at training images
    harm       which training images make bad drawings
    freezing   the "training": which images, and their pixels
"""
