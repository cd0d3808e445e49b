"""What to type after Ctrl-C: the command that goes on."""

from __future__ import annotations

import argparse
import shlex

SERVERS = ("app", "rate", "demo")
READERS = ("datasets", "similar", "compare", "cache", "doctor", "completion")


def sentence(args: argparse.Namespace, words: list[str]) -> str:
    """Say what an interrupted command leaves, and which command goes on.

    The verbs that compute keep their place, so the same command goes on. A training or study
    that has begun ends with a sentence of its own, which names the run.
    """
    command = shlex.join(["curadiff", *words])
    if args.verb == "runs" and args.follow:
        return f"{args.RUN} is not followed any more, and works on. See it with: {command}"
    if args.verb in (*SERVERS, *READERS, "runs"):
        return f"ended. Begin again with: {command}"
    return f"interrupted; what is done is kept. Go on with: {command}"
