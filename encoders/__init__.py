"""From image files to vectors."""

from . import cache
from .encoder import Embedded, Encoder, unit
from .presence import is_here
from .registry import NAMES, SCHEMES, check, load
from .text import TextEncoder, has_text, text_encoder

__all__ = [
    "NAMES",
    "SCHEMES",
    "Embedded",
    "Encoder",
    "TextEncoder",
    "cache",
    "check",
    "has_text",
    "is_here",
    "load",
    "text_encoder",
    "unit",
]
