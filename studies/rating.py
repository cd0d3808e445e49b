"""``rate``: people choose between two images; what that says of the arms."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Unpack

from .. import preferences
from ..common.errors import DataError
from ..config import RatePlanSettings, RateSettings
from ..config.options import RateOptions, RatePlanOptions
from ..config.signatures import with_settings
from ..datasets import locking, ratings, reading
from ..datasets.database import lost_in_words
from ..preferences import Plan, Results, Vote
from ..preferences.against_metrics import Agreement
from ..preferences.session import Session, token
from ..preferences.store import Picture, Rating
from ..runs import Run, open_run, read_json
from . import rating_images as images
from .rating_status import RatingStatus, StartedRating
from .report.people import metric_agreements


@with_settings(RateSettings)
@lost_in_words()
def rate_start(
    source: Any = None, *, folders: Mapping[str, Any] | None = None, **settings: Unpack[RateOptions]
) -> StartedRating:
    """Start a study in which people choose between images of two or more arms.

    Args:
        source: A data set, its name, or a view, whose field ``by`` or whose ``tags`` tell the
            arms apart: generated images of a study, or any real ones.
        folders: Instead of a source, a folder of images for each arm.
        **settings: See `RateSettings`.

    Returns:
        A `StartedRating`; `rate_serve` then asks people.

    Raises:
        SettingsError: A setting is wrong.
        DataError: There are no two arms with images, an image cannot be read, or the name is
            taken.
    """
    config = RateSettings(**settings)
    if (source is None) == (folders is None):
        raise DataError("give either a data set whose images are to be compared, or folders.")
    golden: dict[str, list[dict[str, Any]]] = {"better": [], "worse": []}
    if folders is not None:
        listed = {arm: images.files(Path(folder)) for arm, folder in folders.items()}
        name = config.name or "people"
        described: dict[str, object] = {"folders": {a: str(f) for a, f in folders.items()}}
    else:
        dataset, view = reading.resolve(source)
        listed = ratings.pictures_by(view, images.groups(view, config))
        tags = {"better": config.golden_better, "worse": config.golden_worse}
        if config.golden_better is not None:
            golden = ratings.pictures_by(
                view, {side: view.match_tags(tag) for side, tag in tags.items()}
            )
        name = config.name or dataset.name
        described = {"dataset": dataset.name, "by": "tag" if config.tags else config.by}
    chosen = images.choose(listed, config)
    golden_pictures = {
        side: [Picture(f"golden/{one['id']}", one["path"], one["id"]) for one in listed_pictures]
        for side, listed_pictures in golden.items()
    }
    if config.golden_better is not None and not all(golden_pictures.values()):
        raise DataError(
            f"no images are tagged {config.golden_better!r} or {config.golden_worse!r}; tag some, "
            "or leave the golden pairs out."
        )
    pairs = images.golden_pairs(golden_pictures, config.seed)
    rating = Rating(
        name=name,
        images=chosen,
        seed=config.seed,
        repeats=config.repeats,
        golden=pairs,
        golden_pictures=[image for side in golden_pictures.values() for image in side],
        golden_share=config.golden_share if pairs else 0.0,
        matched=config.same_noise,
        both_bad=config.both_bad,
        votes_per_rater=config.votes_per_rater,
        size=config.size or images.common_size(chosen),
        question=config.question,
        invite=token(),
        source=described,
    )
    ratings.add_rating(rating)
    return _started(rating)


@lost_in_words()
def rate_serve(
    name: str,
    *,
    host: str = "127.0.0.1",
    port: int = 5252,
    hosts: list[str] | None = None,
    until: threading.Event | None = None,
) -> None:
    """Serve the page of a study until Ctrl-C; several raters may vote at once.

    Args:
        name: The study's name.
        host: Address to listen on; the default is reached from this machine only.
        port: Port to listen on.
        hosts: Further names by which raters reach this machine.
        until: Ends the server when it is set.

    Raises:
        DataError: There is no such study.
        Busy: Another process serves it.
        EnvironmentFault: The address or the database cannot be used.
    """
    from ..preferences.serving import serve

    store = ratings.open_rating(name)
    what = f"the study of people {name!r}"
    with locking.hold(f"rating:{store.key}", "rate serve", what=what):
        serve(Session(store), host=host, port=port, hosts=hosts, until=until)


@lost_in_words()
def rate_status(name: str) -> RatingStatus:
    """Say how many votes a study has.

    Raises:
        DataError: There is no such study.
    """
    store = ratings.open_rating(name)
    rating, votes = store.rating(), preferences.effective(store.votes())
    given = Counter(dict.fromkeys(store.raters().values(), 0))  # those without a vote too
    given.update(vote.rater for vote in votes)
    data = preferences.comparisons(votes)
    pairs = {
        (data.arms[i], data.arms[j]): len(data.of_pair(i, j))
        for i in range(len(data.arms))
        for j in range(i + 1, len(data.arms))
    }
    finished = sum(count >= rating.votes_per_rater for count in given.values())
    return RatingStatus(name, len(votes), len(given), finished, pairs, f"/join/{rating.invite}")


@lost_in_words()
def rate_results(name: str | None = None, *, file: Any = None, columns: Any = None) -> Results:
    """Work out what the votes of a study, or of a file, mean.

    Args:
        name: The study's name.
        file: Instead, a CSV or JSONL file of votes.
        columns: For another tool's file, see `preferences.read_votes`.

    Raises:
        DataError: There is no such study or file, or there are no votes.
    """
    return preferences.results(_votes(name, file, columns))


@lost_in_words()
def rate_export(name: str, to: str | Path) -> Path:
    """Write all votes of a study to a CSV or JSONL file, those taken back marked so.

    Raises:
        DataError: There is no such study, or the file's ending is another one.
    """
    path = Path(to)
    preferences.write_votes(list(ratings.open_rating(name).votes()), path)
    return path


@lost_in_words()
def rate_import(name: str, file: str | Path, *, columns: Any = None) -> int:
    """Add the votes of a file to a study, made for them where there is none of that name.

    Args:
        name: The study's name.
        file: A CSV or JSONL file; votes that the study has already are not added again.
        columns: For another tool's file, see `preferences.read_votes`.

    Returns:
        How many votes were added.

    Raises:
        DataError: The file cannot be read, or has arms that the study does not have.
    """
    votes = preferences.read_votes(Path(file), columns=columns)
    arms = sorted({arm for vote in votes for arm in (vote.left_arm, vote.right_arm)})
    if name not in ratings.rating_names():
        ratings.add_rating(
            Rating(
                name=name,
                images={arm: [] for arm in arms},
                seed=0,
                repeats=0.0,
                golden=[],
                golden_pictures=[],
                golden_share=0.0,
                matched=False,
                both_bad=True,
                votes_per_rater=1,
                size=images.SMALLEST,
                question="",
                invite=token(),
                source={"file": Path(file).name},
            )
        )
    store = ratings.open_rating(name)
    known = set(store.rating().images)
    main = {arm for v in votes if v.kind == "main" for arm in (v.left_arm, v.right_arm)}
    if not main <= known:
        raise DataError(
            f"the votes are on {', '.join(sorted(main - known))}, which {name} does not compare "
            f"(arms: {', '.join(sorted(known))}); import them under another name."
        )
    return store.add_votes(votes)


@with_settings(RatePlanSettings)
@lost_in_words()
def rate_plan(**settings: Unpack[RatePlanOptions]) -> Plan:
    """Say how many votes tell two arms apart.

    Args:
        **settings: See `RatePlanSettings`.

    Raises:
        SettingsError: A setting is wrong, or no number of votes of so few raters is enough.
    """
    return preferences.plan(**RatePlanSettings(**settings).model_dump())


def against_study(results: Results, study: str | Path | Run) -> list[Agreement]:
    """Compare people's order of the arms with that by each metric of a study.

    Args:
        results: What people said.
        study: The study's run.

    Raises:
        RunError: There is no such study, or it has no outcomes yet.
    """
    return metric_agreements(results, read_json(open_run(study).path / "outcomes.json"))


def _votes(name: str | None, file: Any, columns: Any) -> list[Vote]:
    if (name is None) == (file is None):
        raise DataError("give either the name of a study of people, or a file of votes.")
    if file is not None:
        return preferences.read_votes(Path(file), columns=columns)
    assert name is not None
    return list(ratings.open_rating(name).votes())


def _started(rating: Rating) -> StartedRating:
    counts = {arm: len(own) for arm, own in rating.images.items()}
    return StartedRating(rating.name, counts, f"/join/{rating.invite}", rating.votes_per_rater)
