"""The networks: (x_t (b, c, h, w), t (b,)) -> (b, c, h, w)."""
