"""From image files to vectors."""

from . import cache
from .encoder import Embedded, Encoder, unit
from .presence import is_here
from .registry import NAMES, SCHEMES, check, load

__all__ = ["NAMES", "SCHEMES", "Embedded", "Encoder", "cache", "check", "is_here", "load", "unit"]
