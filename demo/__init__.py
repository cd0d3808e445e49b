"""A small try-on data set, drawn, so that its outliers, duplicates and rare classes are known."""

from .render import render
from .sheet import write_sheet
from .truth import DemoTruth, Truth

__all__ = ["DemoTruth", "Truth", "render", "write_sheet"]
