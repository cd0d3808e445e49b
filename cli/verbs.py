"""What each command does: call the verb with what was given, and answer."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from shlex import quote
from typing import Any

from ..config import VERBS, plain_type
from .flags import Parser, given_settings
from .output import Answer


def import_images(args: argparse.Namespace) -> Answer:
    """Import photographs."""
    from ..workflows import importing

    imported = importing.import_images(args.SOURCE, **given_settings(args, VERBS["import"]))
    return Answer(imported, next=(f"curadiff embed {quote(imported.dataset.name)}",))


def list_datasets(args: argparse.Namespace) -> Answer:
    """List the data sets."""
    from ..workflows import listing

    datasets = listing.datasets()
    return Answer(datasets, listing.as_text(datasets))


def embed(args: argparse.Namespace) -> Answer:
    """Embed the images of a data set."""
    from ..workflows import embedding

    _say_what_was_taken(args.DATASET)
    settings = given_settings(args, VERBS["embed"])
    embedded = embedding.embed(args.DATASET, progress=not args.json, **settings)
    if "to_shards" in settings:
        following = f"curadiff select {quote(str(embedded.field))} --budget N --to-shards ./PICKS"
    else:
        following = f"curadiff select {quote(args.DATASET)} --budget N"
    return Answer(embedded, next=(following,))


def map_embeddings(args: argparse.Namespace) -> Answer:
    """Lay embeddings out in the plane."""
    from ..workflows import mapping, similarity

    _say_what_was_taken(args.DATASET)
    settings = given_settings(args, VERBS["map"])
    keys: dict[str, Any] = {"map": mapping.map_embeddings(args.DATASET, **settings)}
    lines = [f"{keys['map']}: choose it in the App's Embeddings panel"]
    if "similar" in settings:
        index = similarity.index_of(args.DATASET, settings.get("field"))
        text = similarity.takes_text(args.DATASET, index)
        keys |= {"similar": index, "takes_text": text}
        type_it = ", or type what to look for" if text else ""
        lines.append(f"{index}: choose an image in the App, then Sort by similarity{type_it}")
    return Answer(
        keys, "\n".join(lines), (f"curadiff app {quote(args.DATASET.partition(':')[0])}",)
    )


def similar(args: argparse.Namespace) -> Answer:
    """Find images that are like a text or an image."""
    from ..workflows import similarity

    _say_what_was_taken(args.DATASET)
    images = similarity.similar(args.DATASET, **given_settings(args, VERBS["similar"]))
    if images.saved is None:
        return Answer(images)
    saved = quote(f"{args.DATASET.partition(':')[0]}:{images.saved}")
    return Answer(images, next=(f"curadiff select {saved} --budget N",))


def select(args: argparse.Namespace) -> Answer:
    """Choose samples."""
    from ..workflows import selecting

    _say_what_was_taken(args.DATASET)
    selection = selecting.select(args.DATASET, **given_settings(args, VERBS["select"]))
    if selection.folder is not None:
        return Answer(selection, next=(f"curadiff import {quote(str(selection.folder))}",))
    chosen = quote(f"{selection.dataset}:{selection.name}")
    return Answer(selection, next=(f"curadiff train {chosen}",))


def compare(args: argparse.Namespace) -> Answer:
    """Compare two selections."""
    from ..datasets import reading
    from ..workflows import overlap

    dataset, _ = reading.resolve(args.DATASET)
    return Answer(overlap.overlap(dataset, args.A, args.B))


def preview(args: argparse.Namespace) -> Answer:
    """Preview selections."""
    from ..studies.preview import engine

    settings = given_settings(args, VERBS["preview"])
    result = engine.preview(args.SOURCE, progress=not args.json, **settings)
    commas = [arm for arm in result.study_arms if "," in arm]  # the flag reads it as two arms
    arms = [arm for arm in result.study_arms if arm not in commas]
    others = [*result.not_in_study, *commas]
    text = f"{result}\nNot in the study below: {', '.join(others)}." if others else None
    if not arms:
        return Answer(result)
    same = " ".join([quote(args.SOURCE), *_flags_of_both(args, arms)])
    return Answer(result, text, (f"curadiff study {same} --seeds 0 1 2 --dry-run",))


def train(args: argparse.Namespace) -> Answer:
    """Train a model, go on with a training, or estimate one."""
    from ..workflows import estimating, training

    parser: Parser = args.parser
    options: dict[str, Any] = {"wait": not args.detach, "progress": not args.json}
    settings = given_settings(args, VERBS["train"])
    if args.resume:
        if args.DATASET or args.estimate:
            parser.error("--resume goes on with a run; give no data set and no --estimate")
        run = training.resume(args.resume, **options, **settings)
    elif args.DATASET is None:
        parser.error("a data set is needed, or --resume RUN")
    elif args.estimate:
        return Answer(estimating.estimate_training(args.DATASET, **settings))
    else:
        _say_what_was_taken(args.DATASET)
        run = training.train(args.DATASET, **options, **settings)
    text = f"{run.id}: {run.status['state']}, in {run.path}"
    if args.detach:
        return Answer(run, text, (f"curadiff runs {run.id} --follow",))
    return Answer(run, text, (f"curadiff generate {run.id}",))


def generate(args: argparse.Namespace) -> Answer:
    """Draw images."""
    from ..workflows import generating

    settings = given_settings(args, VERBS["generate"])
    folder = generating.generate(args.RUN, folder=args.folder, progress=not args.json, **settings)
    return Answer(
        {"folder": folder}, str(folder), (f"curadiff import-generated {quote(str(folder))}",)
    )


def import_generated(args: argparse.Namespace) -> Answer:
    """Bring generated images into data sets."""
    from ..workflows import generating

    settings = given_settings(args, VERBS["import-generated"])
    imported = generating.import_generated(args.FOLDER, **settings)
    sources = {one.dataset.name: one.source for one in imported}
    following = [
        f"curadiff evaluate {quote(name)} {quote(source)}" for name, source in sources.items()
    ]
    return Answer(imported, "\n".join(map(str, imported)), tuple(following))


def evaluate(args: argparse.Namespace) -> Answer:
    """Compare generated with real images."""
    from ..workflows import evaluating

    evaluation = evaluating.evaluate(
        args.GENERATED,
        args.REFERENCE,
        train=args.train,
        progress=not args.json,
        **given_settings(args, VERBS["evaluate"]),
    )
    return Answer(evaluation)


def manage_runs(args: argparse.Namespace) -> Answer | None:
    """List runs, or do one thing with one."""
    from .run_commands import manage

    return manage(args)


def manage_cache(args: argparse.Namespace) -> Answer:
    """Show or empty the caches."""
    from .cache_command import manage_cache

    return manage_cache(args.clear)


def doctor(args: argparse.Namespace) -> Answer:
    """Look at this machine."""
    from ..workflows import doctor

    report = doctor.doctor(fix=args.fix)
    return Answer(report, report.text(brief=args.brief), status=0 if report.healthy else 1)


def demo(args: argparse.Namespace) -> None:
    """Run the demonstration."""
    from .demo import run_demo

    run_demo(args.folder or "demo-output")


def app(args: argparse.Namespace) -> None:
    """Open the App."""
    from .app import open_app

    open_app(args.DATASET, port=args.port)


def completion(args: argparse.Namespace) -> None:
    """Print a completion script; a terminal is told where it belongs."""
    from . import command_line
    from .completion import INSTALL, script

    print(script(command_line(), args.SHELL))
    if sys.stdout.isatty():
        print(f"curadiff: install this with: {INSTALL[args.SHELL]}", file=sys.stderr)


def _flags_of_both(args: argparse.Namespace, arms: list[str]) -> list[str]:
    """Return the flags that a preview was given and that a study has too, quoted for a shell.

    Its name is left out.

    Args:
        args: What the preview was given.
        arms: The words for its arms in a study.
    """
    words: list[str] = []
    for name, value in vars(args).items():
        head, _, rest = name.partition(".")
        mine, study = (VERBS[verb].model_fields.get(head) for verb in ("preview", "study"))
        if mine is None or study is None or name == "name":
            continue
        value = arms if name == "arms" else value
        field = plain_type(mine).model_fields[rest] if rest else mine
        flag = f"--{name}".replace("_", "-")
        if plain_type(field) is bool and isinstance(value, bool):
            words.append(flag if value else f"--no-{flag.removeprefix('--')}")
        elif isinstance(value, list):
            words += [flag, *map(quote, map(str, value))]
        else:
            words.append(f"{flag}={quote(str(value))}")
    return words


def _say_what_was_taken(source: str) -> None:
    """Say that a data set was taken where another folder here has the same name."""
    from ..datasets import identity, resolving

    name = resolving.split_name(source)[0] if Path(source).is_dir() else None
    if name and str(Path(source).resolve()) not in identity.folders_of(identity.load(name)):
        print(
            f"curadiff: {source} is taken as the data set of that name, not as the folder here.",
            file=sys.stderr,
        )
