"""Embed with several processes: work in units, each computed once, whoever does it."""

from .embedding import Ranks, embed_over_processes

__all__ = ["Ranks", "embed_over_processes"]
