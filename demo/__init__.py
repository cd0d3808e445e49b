"""A small try-on data set, drawn."""
