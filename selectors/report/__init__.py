"""What selections of one pool are like, in numbers and pictures."""

from .report import Report, report

__all__ = ["Report", "report"]
