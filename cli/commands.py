"""What each command does: read the words, call the verb, print the outcome."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from typing import Any

from ..config import VERBS
from ..version import __version__
from .flags import Parser, add_settings, given_settings
from .rate_commands import add_rate

Command = Callable[[argparse.Namespace], int | None]


def add_commands(parser: Parser) -> None:
    """Add every command to the parser."""
    parser.add_argument("--version", action="version", version=f"curadiff {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def add(name: str, command: Command, help: str, **arguments: dict[str, Any]) -> Parser:
        added: Parser = commands.add_parser(name, help=help, description=help)
        added.set_defaults(command=command, parser=added)
        for flag, options in arguments.items():
            flag_name = flag if "metavar" in options and flag.isupper() else f"--{flag}"
            added.add_argument(flag_name.replace("_", "-"), **options)
        if name in VERBS:
            add_settings(added, VERBS[name])
        return added

    data = {
        "metavar": "DATASET[:VIEW]",
        "help": "data set, or one of its saved views; dataset:DATASET where a folder has its name",
    }
    run = {"metavar": "RUN", "help": "id or folder of a run"}
    switch = {"action": "store_true"}

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
        detach={**switch, "help": "return at once; see it with: curadiff runs"},
        estimate={**switch, "help": "say what it would take, after some steps, and start nothing"},
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
        json={**switch, "help": "print JSON"},
    )
    add(
        "study",
        _study,
        "Compare ways to choose training data: train, generate and evaluate each.",
        SOURCE={"metavar": "SOURCE", "nargs": "?", "help": "./FOLDER of images or DATASET[:VIEW]"},
        file={"metavar": "FILE", "help": "YAML file with settings; flags win over it"},
        estimate={**switch, "help": "say what it would take, after some steps, and start nothing"},
        update_images={
            **switch,
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
        follow={**switch, "help": "show its progress until it ends"},
        stop={**switch, "help": "let it write a checkpoint and end"},
        resume={**switch, "help": "go on with it"},
        delete={**switch, "help": "delete it with all that is in it, after saying what and asking"},
        yes={**switch, "help": "do not ask before deleting"},
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
        fix={**switch, "help": "install the database server where it is missing"},
        brief={**switch, "help": "say only what is wrong"},
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


def _import(args: argparse.Namespace) -> None:
    from ..workflows import importing

    print(importing.import_images(args.SOURCE, **given_settings(args, VERBS["import"])))


def _embed(args: argparse.Namespace) -> None:
    from ..workflows import embedding

    print(embedding.embed(args.DATASET, **given_settings(args, VERBS["embed"])))


def _select(args: argparse.Namespace) -> None:
    from ..workflows import selecting

    selection = selecting.select(args.DATASET, **given_settings(args, VERBS["select"]))
    print(selection)
    print(f"Train on it with: curadiff train {selection.view._root_dataset.name}:{selection.name}")


def _train(args: argparse.Namespace) -> None:
    from ..workflows import estimating, training

    parser: Parser = args.parser
    settings = given_settings(args, VERBS["train"])
    if args.resume:
        if args.DATASET or args.estimate:
            parser.error("--resume goes on with a run; give no data set and no --estimate")
        run = training.resume(args.resume, wait=not args.detach, **settings)
    elif args.DATASET is None:
        parser.error("a data set is needed, or --resume RUN")
    elif args.estimate:
        print(estimating.estimate_training(args.DATASET, **settings))
        return
    else:
        run = training.train(args.DATASET, wait=not args.detach, **settings)
    print(f"{run.id}: {run.status['state']}, in {run.path}")
    print(f"Draw images with: curadiff generate {run.id}")


def _generate(args: argparse.Namespace) -> None:
    from ..workflows import generating

    given = given_settings(args, VERBS["generate"])
    folder = generating.generate(args.RUN, folder=args.folder, **given)
    print(folder)
    print(f"Look at them with: curadiff import-generated {folder}")


def _import_generated(args: argparse.Namespace) -> None:
    from ..workflows import generating

    settings = given_settings(args, VERBS["import-generated"])
    names = {}
    for imported in generating.import_generated(args.FOLDER, **settings):
        print(imported)
        names[imported.dataset.name] = None
    for name in names:
        print(f"Open them with: curadiff app {name}")


def _evaluate(args: argparse.Namespace) -> None:
    from ..workflows import evaluating

    evaluation = evaluating.evaluate(
        args.GENERATED,
        args.REFERENCE,
        train=args.train,
        progress=not args.json,
        **given_settings(args, VERBS["evaluate"]),
    )
    print(json.dumps(evaluation.to_json(), indent=1) if args.json else evaluation)


def _study(args: argparse.Namespace) -> None:
    from ..studies import engine
    from ..workflows import estimating
    from .settings_file import merged, read_settings

    settings = read_settings(args.file) if args.file else {}
    source = args.SOURCE or settings.pop("source", None)
    if source is None:
        args.parser.error("a source is needed: a folder or data set, or 'source:' in the file")
    settings.pop("source", None)
    settings = merged(settings, given_settings(args, VERBS["study"]))
    if args.estimate:
        print(estimating.estimate_study(**settings))
    else:
        print(engine.study(source, update_images=args.update_images, **settings))


def _preview(args: argparse.Namespace) -> None:
    from ..studies.preview import engine

    print(engine.preview(args.SOURCE, **given_settings(args, VERBS["preview"])))


def _runs(args: argparse.Namespace) -> None:
    from .run_commands import manage

    manage(args)


def _cache(args: argparse.Namespace) -> None:
    from .run_commands import manage_cache

    manage_cache(args.clear)


def _doctor(args: argparse.Namespace) -> int:
    from ..workflows.doctor import doctor

    report = doctor(fix=args.fix)
    print(report.text(brief=args.brief))
    return 0 if report.healthy else 1


def _demo(args: argparse.Namespace) -> None:
    from .demo import run_demo

    run_demo(args.folder or "demo-output")


def _app(args: argparse.Namespace) -> None:
    from .app import open_app

    open_app(args.DATASET, port=args.port)
