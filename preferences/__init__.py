"""The human study: which pairs to show, what a vote is, and what the votes mean.

Knows no FiftyOne. Where images come from and votes are kept is said by ``datasets``; the
web page that asks people is in ``preferences.server``, which is imported by itself.
"""

from .comparisons import Comparisons, comparisons
from .planner import Plan, plan
from .results import Results, results
from .schedule import Assignment, Golden, Schedule
from .votes import Vote, effective, read_votes, votes_of_rankings, write_votes

__all__ = [
    "Assignment",
    "Comparisons",
    "Golden",
    "Plan",
    "Results",
    "Schedule",
    "Vote",
    "comparisons",
    "effective",
    "plan",
    "read_votes",
    "results",
    "votes_of_rankings",
    "write_votes",
]
