"""What the methods share: the pool, its rows, how crowded it is, farthest-first traversal."""
