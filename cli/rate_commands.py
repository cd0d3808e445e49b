"""``curadiff rate``: ask people which of two images is better, and say what they answered."""

from __future__ import annotations

import argparse
from typing import Any

from ..common.errors import DataError
from ..config import RatePlanSettings, RateSettings
from .examples import described
from .flags import Parser, add_settings, given_settings
from .output import Answer


def add_rate(commands: Any) -> None:
    """Add ``rate`` and its own commands to the parser's commands."""
    about = "Ask people which of two images is better."
    rate = commands.add_parser("rate", help=about, description=described("rate", about))
    parts = rate.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def add(name: str, help: str) -> Parser:
        about = described(f"rate {name}", help)
        added: Parser = parts.add_parser(name, help=help, description=about)
        added.set_defaults(function=COMMANDS[name], parser=added, verb="rate", json=False)
        if name != "serve":
            added.add_argument("--json", action="store_true", help="print JSON, and nothing else")
        return added

    start = add("start", "Start a study of the images of two or more arms.")
    start.add_argument(
        "DATASET",
        nargs="?",
        metavar="DATASET[:VIEW]",
        help="data set, or one of its saved views, whose field or tags tell the arms apart",
    )
    start.add_argument(
        "--folders",
        nargs="+",
        metavar="ARM=FOLDER",
        help="instead, a folder of images for each arm",
    )
    add_settings(start, RateSettings)
    serve = add("serve", "Serve the page that asks people, until Ctrl-C.")
    serve.add_argument(
        "--host",
        default="127.0.0.1",
        help="address to listen on [default: %(default)s, this machine only]",
    )
    serve.add_argument("--port", type=int, default=5252, metavar="N", help="port [default: 5252]")
    serve.add_argument(
        "--name",
        dest="names",
        nargs="+",
        metavar="HOST",
        help="further names by which raters reach this machine",
    )
    status = add("status", "Say how many votes there are; without a name, list the studies.")
    results = add("results", "Say what the votes mean.")
    results.add_argument(
        "--file", metavar="FILE", help="CSV or JSONL file of votes instead of a study"
    )
    results.add_argument(
        "--study", metavar="RUN", help="compare with the metrics of this study of arms"
    )
    export = add("export", "Write all votes to a CSV or JSONL file.")
    imported = add("import", "Add the votes of a CSV or JSONL file, this program's or another's.")
    for parser in (serve, export, imported):
        parser.add_argument("STUDY", help="name of the study of people")
    for parser in (status, results):
        parser.add_argument("STUDY", nargs="?", help="name of the study of people")
    for parser in (export, imported):
        parser.add_argument("FILE", help="file that ends in .csv or .jsonl")
    for parser in (results, imported):
        parser.add_argument(
            "--columns",
            nargs="+",
            metavar="OURS=THEIRS",
            help="which column of another program's file holds what, such as left_arm=model_a",
        )
    add_settings(add("plan", "Say how many votes tell two arms apart."), RatePlanSettings)


def _start(args: argparse.Namespace) -> Answer:
    from ..studies import rating

    folders = _pairs(args.folders, "ARM=FOLDER")
    started = rating.rate_start(args.DATASET, folders=folders, **given_settings(args, RateSettings))
    return Answer(started)


def _serve(args: argparse.Namespace) -> None:
    from ..studies import rating

    link = rating.rate_status(args.STUDY).link
    shown = f"[{args.host}]" if ":" in args.host else args.host
    print(f"Send raters this link: http://{shown}:{args.port}{link}")
    if args.host in ("127.0.0.1", "localhost"):
        print("It works on this machine only; others need --host, such as --host 0.0.0.0")
    print("Ctrl-C ends it; votes are kept, and the same command goes on.", flush=True)
    rating.rate_serve(args.STUDY, host=args.host, port=args.port, hosts=args.names)


def _status(args: argparse.Namespace) -> Answer:
    from ..datasets.ratings import rating_names
    from ..studies import rating

    if args.STUDY is not None:
        return Answer(rating.rate_status(args.STUDY))
    listed = [rating.rate_status(name) for name in rating_names()]
    text = "\n".join(map(str, listed)) or (
        "There is no study of people yet; start one with: curadiff rate start DATASET"
    )
    return Answer(listed, text)


def _results(args: argparse.Namespace) -> Answer:
    from ..studies.rating import against_study, rate_results

    columns = _pairs(args.columns, "OURS=THEIRS")
    results = rate_results(args.STUDY, file=args.file, columns=columns)
    agreements = against_study(results, args.study) if args.study else []
    record = results.to_json() | {"metrics": [vars(agreement) for agreement in agreements]}
    return Answer(record, "\n".join(map(str, [results, *agreements])))


def _export(args: argparse.Namespace) -> Answer:
    from ..studies import rating

    file = rating.rate_export(args.STUDY, args.FILE)
    return Answer({"file": file}, str(file))


def _import(args: argparse.Namespace) -> Answer:
    from ..studies import rating

    columns = _pairs(args.columns, "OURS=THEIRS")
    added = rating.rate_import(args.STUDY, args.FILE, columns=columns)
    return Answer({"added": added}, f"{added} votes added")


def _plan(args: argparse.Namespace) -> Answer:
    from ..studies import rating

    return Answer(rating.rate_plan(**given_settings(args, RatePlanSettings)))


COMMANDS = {
    "start": _start,
    "serve": _serve,
    "status": _status,
    "results": _results,
    "export": _export,
    "import": _import,
    "plan": _plan,
}


def _pairs(args: list[str] | None, form: str) -> dict[str, str] | None:
    if args is None:
        return None
    wrong = [word for word in args if not word.partition("=")[2] or word.startswith("=")]
    if wrong:
        raise DataError(f"{wrong[0]!r} must be {form}.")
    return dict(word.split("=", 1) for word in args)
