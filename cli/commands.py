"""The commands and their arguments, in the order of the work; `verbs` has what each does."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from ..config import VERBS
from ..config.sections import ELSEWHERE
from ..version import __version__
from . import verbs
from .clean_command import clean
from .completion import SHELLS
from .examples import described
from .flags import Parser, add_settings
from .output import Answer
from .rate_commands import add_rate
from .study_commands import run_export, run_study

Command = Callable[[argparse.Namespace], Answer | int | None]

SWITCH = {"action": "store_true"}
DATASET = {
    "metavar": "DATASET[:VIEW]",
    "help": "data set, or one of its saved views; dataset:DATASET where a folder has its name",
}
RUN = {"metavar": "RUN", "help": "id or folder of a run"}
ESTIMATE = {**SWITCH, "help": "say what it would take, after some steps, and start nothing"}
EITHER = "DATASET[:VIEW], ./FOLDER or ./SHARDS"


def add_commands(parser: Parser) -> None:
    """Add every command to the parser."""
    parser.add_argument("--version", action="version", version=f"curadiff {__version__}")
    commands = parser.add_subparsers(
        title="commands", metavar="COMMAND", required=True, parser_class=Parser
    )

    def add(
        name: str,
        command: Command,
        help: str,
        *,
        json: bool = True,
        **arguments: dict[str, Any],
    ) -> None:
        added: Parser = commands.add_parser(name, help=help, description=described(name, help))
        added.set_defaults(function=command, parser=added, verb=name, json=False)
        for argument, options in arguments.items():
            positional = "metavar" in options and argument.isupper()
            flag = argument if positional else f"--{argument}".replace("_", "-")
            added.add_argument(flag, **options)
        added.usage = " ".join(["curadiff", name, *_places(arguments), "[--option VALUE ...]"])
        if json:
            added.add_argument("--json", action="store_true", help="print JSON, and nothing else")
        if name in VERBS:
            add_settings(added, VERBS[name], hidden=ELSEWHERE.get(name, ()))

    add(
        "import",
        verbs.import_images,
        "Make a FiftyOne data set from photographs.",
        SOURCE={"metavar": "SOURCE", "help": "./FOLDER of images, or DATASET[:VIEW] to copy"},
    )
    add("datasets", verbs.list_datasets, "List the data sets, and what was made from each.")
    add(
        "embed",
        verbs.embed,
        "Add embeddings to a data set.",
        DATASET={**DATASET, "help": f"{DATASET['help']}; or ./FOLDER with --to-shards"},
    )
    add(
        "map",
        verbs.map_embeddings,
        "Project embeddings to two dimensions, for the App's map.",
        DATASET=DATASET,
    )
    add(
        "similar",
        verbs.similar,
        "Show the images that are most like a text or an image.",
        DATASET=DATASET,
    )
    add(
        "select",
        verbs.select,
        "Choose which samples to train on, and tag them.",
        DATASET={**DATASET, "help": f"{DATASET['help']}; or ./SHARDS with --to-shards"},
    )
    add(
        "compare",
        verbs.compare,
        "Say which samples two selections share.",
        DATASET={"metavar": "DATASET", "help": "data set"},
        A={"metavar": "SELECTION", "help": "name of a selection"},
        B={"metavar": "SELECTION", "help": "name of another one"},
    )
    add(
        "preview",
        verbs.preview,
        "Show what a model would draw from each selection; no training.",
        SOURCE={"metavar": "SOURCE", "help": "./FOLDER of images or DATASET[:VIEW]"},
    )
    add(
        "train",
        verbs.train,
        "Train a diffusion model on a data set or selection.",
        DATASET={**DATASET, "nargs": "?"},
        resume={**RUN, "help": "go on with this training, longer with --steps N"},
        detach={**SWITCH, "help": "return at once; see it with: curadiff runs"},
        estimate=ESTIMATE,
    )
    add(
        "generate",
        verbs.generate,
        "Draw images from a trained model.",
        RUN=RUN,
        folder={"metavar": "FOLDER", "help": "where to [default: a folder in the run]"},
    )
    add(
        "import-generated",
        verbs.import_generated,
        "Bring generated images into a data set.",
        FOLDER={"metavar": "FOLDER", "nargs": "+", "help": "what generate printed; several work"},
    )
    add(
        "evaluate",
        verbs.evaluate,
        "Compare generated images with real ones.",
        GENERATED={"metavar": "GENERATED", "help": f"{EITHER} with generated images"},
        REFERENCE={"metavar": "REFERENCE", "help": f"{EITHER} with real images"},
        train={"metavar": "TRAIN", "help": f"{EITHER} the model was trained on, for memorization"},
    )
    add(
        "study",
        run_study,
        "Train on several selections, with seeds, and compare them.",
        SOURCE={
            "metavar": "SOURCE",
            "nargs": "*",
            "help": "./FOLDER of images or DATASET[:VIEW]; or: status STUDY, report STUDY, "
            "add STUDY ARM..., drop STUDY ARM...",
        },
        dry_run={
            "nargs": "?",
            "type": int,
            "const": 0,
            "metavar": "IMAGES",
            "help": "print every step with images, steps, FLOPs, hours and disk; start nothing. "
            "IMAGES: how many there are, where the source is not here",
        },
        file={"metavar": "FILE", "help": "YAML file with settings; flags win over it"},
        estimate=ESTIMATE,
        update_images={
            **SWITCH,
            "help": "take the images of today where they differ from those that the study began "
            "with, and train anew; earlier trainings stay",
        },
    )
    add(
        "export",
        run_export,
        "Write a selection as an image folder for other trainers.",
        SELECTION={**DATASET, "metavar": "DATASET[:SELECTION]"},
        to={"metavar": "FOLDER", "required": True, "help": "an empty or new folder"},
        captions={"metavar": "FIELD", "help": "sample field with the captions"},
    )
    add_rate(commands)
    add(
        "runs",
        verbs.manage_runs,
        "List the runs; follow, stop, resume or delete one.",
        RUN={**RUN, "nargs": "?"},
        follow={**SWITCH, "help": "show its progress until it ends"},
        stop={**SWITCH, "help": "let it write a checkpoint and end"},
        resume={**SWITCH, "help": "go on with it"},
        delete={**SWITCH, "help": "delete it with all that is in it, after saying what and asking"},
        yes={**SWITCH, "help": "do not ask before deleting"},
    )
    add(
        "clean",
        clean,
        "Remove what Curadiff wrote in a data set, after asking.",
        DATASET={"metavar": "DATASET", "help": "data set; its samples and your own stay"},
        study={"metavar": "STUDY", "help": "only what this study or preview wrote"},
        yes={**SWITCH, "help": "do not ask before removing"},
    )
    add(
        "cache",
        verbs.manage_cache,
        "Show the caches and their sizes, or delete them.",
        clear={
            "nargs": "?",
            "const": "",
            "metavar": "KIND",
            "help": "delete everything, one of features, pixels, sheets, speeds, reports and "
            "embedding, or the features of one encoder",
        },
    )
    add(
        "doctor",
        verbs.doctor,
        "Say what is installed and what works here.",
        fix={**SWITCH, "help": "install the database server where it is missing"},
        brief={**SWITCH, "help": "say only what is wrong"},
    )
    add(
        "demo",
        verbs.demo,
        "Try everything on a small drawn data set, in minutes.",
        json=False,
        folder={"metavar": "FOLDER", "help": "where to put it [default: demo-output]"},
    )
    add(
        "app",
        verbs.app,
        "Open the FiftyOne App.",
        json=False,
        DATASET={"metavar": "DATASET", "nargs": "?", "help": "data set to show first"},
        port={"metavar": "N", "type": int, "default": 5151, "help": "port [default: 5151]"},
    )
    add(
        "completion",
        verbs.completion,
        "Print the script for completion with the Tab key.",
        json=False,
        SHELL={"metavar": "SHELL", "choices": SHELLS, "help": "bash, zsh or fish"},
    )


def _places(arguments: dict[str, dict[str, Any]]) -> list[str]:
    """Return what stands without a flag, in order: ``DATASET``, ``[RUN]``, ``FOLDER ...``."""
    shown = {"?": "[{}]", "+": "{} ..."}
    return [
        shown.get(options.get("nargs", ""), "{}").format(name)
        for name, options in arguments.items()
        if name.isupper()
    ]
