"""What each command does: read the words, call the verb, print the outcome."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from typing import Any

from ..config import VERBS
from ..version import __version__
from .flags import Parser, add_settings, given_settings, settings_from_file
from .rating import add_rate

Command = Callable[[argparse.Namespace], int | None]


def add_commands(parser: Parser) -> None:
    """Add every command to the parser."""
    parser.add_argument("--version", action="version", version=f"curadiff {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def add(name: str, command: Command, help: str, **arguments: dict[str, Any]) -> Parser:
        added: Parser = commands.add_parser(name, help=help, description=help)
        added.set_defaults(command=command, parser=added)
        for flag, options in arguments.items():
            word = flag if "metavar" in options and flag.isupper() else f"--{flag}"
            added.add_argument(word.replace("_", "-"), **options)
        if name in VERBS:
            add_settings(added, VERBS[name])
        return added

    data = {
        "metavar": "DATASET[:VIEW]",
        "help": "data set, or one of its saved views; dataset:DATASET where a folder has its name",
    }
    run = {"metavar": "RUN", "help": "id or folder of a run"}
    yes = {"action": "store_true"}

    add(
        "import",
        _import,
        "Make a FiftyOne data set from photographs.",
        SOURCE={"metavar": "SOURCE", "help": "./FOLDER of images, or DATASET[:VIEW] to copy"},
    )
    add("embed", _embed, "Add embeddings to a data set.", DATASET=data)
    add("select", _select, "Choose which samples to train on, and tag them.", DATASET=data)
    add(
        "train",
        _train,
        "Train a diffusion model on a data set or selection.",
        DATASET={**data, "nargs": "?"},
        resume={**run, "help": "go on with this training, longer with --steps N"},
        detach={**yes, "help": "return at once; see it with: curadiff runs"},
        estimate={**yes, "help": "say what it would take, after some steps, and start nothing"},
    )
    add(
        "generate",
        _generate,
        "Draw images from a trained model.",
        RUN=run,
        folder={"metavar": "FOLDER", "help": "where to [default: a folder in the run]"},
    )
    add(
        "import-generated",
        _import_generated,
        "Bring generated images into a data set linked with their training images.",
        FOLDER={"metavar": "FOLDER", "nargs": "+", "help": "what generate printed; several work"},
    )
    either = "DATASET[:VIEW] or ./FOLDER"
    add(
        "evaluate",
        _evaluate,
        "Compare generated images with real ones.",
        GENERATED={"metavar": "GENERATED", "help": f"{either} with generated images"},
        REFERENCE={"metavar": "REFERENCE", "help": f"{either} with real images"},
        train={"metavar": "TRAIN", "help": f"{either} the model was trained on, for memorization"},
        json={**yes, "help": "print JSON"},
    )
    add(
        "study",
        _study,
        "Compare ways to choose training data: train, generate and evaluate each.",
        SOURCE={"metavar": "SOURCE", "nargs": "?", "help": "./FOLDER of images or DATASET[:VIEW]"},
        file={"metavar": "FILE", "help": "YAML file with settings; flags win over it"},
        estimate={**yes, "help": "say what it would take, after some steps, and start nothing"},
        update_images={
            **yes,
            "help": "take the images of today where they differ from those that the study began "
            "with, and train anew; earlier trainings stay",
        },
    )
    add_rate(commands)
    add(
        "preview",
        _preview,
        "See what selections would make a model draw, in minutes and without training.",
        SOURCE={"metavar": "SOURCE", "help": "folder of images or DATASET[:VIEW]"},
    )
    add(
        "runs",
        _runs,
        "List the runs; follow, stop, resume or delete one.",
        RUN={**run, "nargs": "?"},
        follow={**yes, "help": "show its progress until it ends"},
        stop={**yes, "help": "let it write a checkpoint and end"},
        resume={**yes, "help": "go on with it"},
        delete={**yes, "help": "delete it with all that is in it, after saying what and asking"},
        yes={**yes, "help": "do not ask before deleting"},
    )
    add(
        "cache",
        _cache,
        "Show what is kept to save work and how large it is, or delete it.",
        clear={
            "nargs": "?",
            "const": "",
            "metavar": "KIND",
            "help": "delete everything, one of features, pixels, sheets, speeds and reports, or "
            "the features of one encoder",
        },
    )
    add(
        "doctor",
        _doctor,
        "Say what is installed and what works here.",
        fix={**yes, "help": "install the database server where it is missing"},
        brief={**yes, "help": "say only what is wrong"},
    )
    add(
        "demo",
        _demo,
        "Draw a small try-on data set and run a whole study on it.",
        folder={"metavar": "FOLDER", "help": "where to put it [default: demo-output]"},
    )
    add(
        "app",
        _app,
        "Open the FiftyOne App.",
        DATASET={"metavar": "DATASET", "nargs": "?", "help": "data set to show first"},
        port={"metavar": "N", "type": int, "default": 5151, "help": "port [default: 5151]"},
    )


def _import(words: argparse.Namespace) -> None:

    from ..workflows import importing

    print(importing.import_images(words.SOURCE, **given_settings(words, VERBS["import"])))


def _embed(words: argparse.Namespace) -> None:

    from ..workflows import embedding

    print(embedding.embed(words.DATASET, **given_settings(words, VERBS["embed"])))


def _select(words: argparse.Namespace) -> None:

    from ..workflows import selecting

    found = selecting.select(words.DATASET, **given_settings(words, VERBS["select"]))
    print(found)
    print(f"Train on it with: curadiff train {found.view._root_dataset.name}:{found.name}")


def _train(words: argparse.Namespace) -> None:

    from ..workflows import estimating, training

    settings = given_settings(words, VERBS["train"])
    if words.resume:
        if words.DATASET or words.estimate:
            words.parser.error("--resume goes on with a run; give no data set and no --estimate")
        run = training.resume(words.resume, wait=not words.detach, **settings)
    elif words.DATASET is None:
        words.parser.error("a data set is needed, or --resume RUN")
    elif words.estimate:
        print(estimating.estimate_training(words.DATASET, **settings))
        return
    else:
        run = training.train(words.DATASET, wait=not words.detach, **settings)
    print(f"{run.id}: {run.status['state']}, in {run.path}")
    print(f"Draw images with: curadiff generate {run.id}")


def _generate(words: argparse.Namespace) -> None:

    from ..workflows import generating

    given = given_settings(words, VERBS["generate"])
    folder = generating.generate(words.RUN, folder=words.folder, **given)
    print(folder)
    print(f"Look at them with: curadiff import-generated {folder}")


def _import_generated(words: argparse.Namespace) -> None:

    from ..workflows import generating

    settings = given_settings(words, VERBS["import-generated"])
    names = {}
    for found in generating.import_generated(words.FOLDER, **settings):
        print(found)
        names[found.dataset.name] = None
    for name in names:
        print(f"Open them with: curadiff app {name}")


def _evaluate(words: argparse.Namespace) -> None:

    from ..workflows import evaluating

    found = evaluating.evaluate(
        words.GENERATED,
        words.REFERENCE,
        train=words.train,
        progress=not words.json,
        **given_settings(words, VERBS["evaluate"]),
    )
    print(json.dumps(found.to_json(), indent=1) if words.json else found)


def _study(words: argparse.Namespace) -> None:
    from ..studies import engine
    from ..workflows import estimating
    from .show import merged

    settings = settings_from_file(words.file) if words.file else {}
    source = words.SOURCE or settings.pop("source", None)
    if source is None:
        words.parser.error("a source is needed: a folder or data set, or 'source:' in the file")
    settings.pop("source", None)
    settings = merged(settings, given_settings(words, VERBS["study"]))
    if words.estimate:
        print(estimating.estimate_study(**settings))
    else:
        print(engine.study(source, update_images=words.update_images, **settings))


def _preview(words: argparse.Namespace) -> None:

    from ..studies.preview import engine

    print(engine.preview(words.SOURCE, **given_settings(words, VERBS["preview"])))


def _runs(words: argparse.Namespace) -> None:
    from .managing import manage

    manage(words)


def _cache(words: argparse.Namespace) -> None:
    from .managing import manage_cache

    manage_cache(words.clear)


def _doctor(words: argparse.Namespace) -> int:
    from ..workflows.doctor import doctor

    found = doctor(fix=words.fix)
    print(found.text(brief=words.brief))
    return 0 if found.healthy else 1


def _demo(words: argparse.Namespace) -> None:
    from .demo import run_demo

    run_demo(words.folder or "demo-output")


def _app(words: argparse.Namespace) -> None:
    from .app import open_app

    open_app(words.DATASET, port=words.port)
