"""The weights that a training begins with, where they are not random."""
