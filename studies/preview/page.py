"""The page of a preview: the pictures first, then the table, then the images to look at."""

from __future__ import annotations

import html
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...common.contact_sheet import data_url, square_grid, stored_url
from ...common.files import replacing
from ...common.page import PAGE, figure
from ...common.words import plural
from ...runs import Run, write_bytes
from ..used_settings import reproduce
from . import LABEL, table
from .copies import COPY, PAIRS, pictures_of
from .harm_words import harm_sentence

COLUMNS, SIDE = 5, 128  # of a grid
STRIP, SMALL = 12, 88  # training images shown per arm in two rows, and their side


def write_page(
    run: Run,
    *,
    dataset: str,
    outcomes: Sequence[Mapping[str, Any]],
    real: Mapping[str, float],
    images: tuple[int, int],
    settings: dict[str, Any],
    notes: Sequence[str] = (),
    state: str,
) -> Path:
    """Write ``preview.html`` into a preview's run directory.

    Args:
        run: The preview.
        dataset: Name of the data set.
        outcomes: What is known of each arm so far.
        real: What real images score in place of the drawings.
        images: How many images may be used, and how many are held out.
        settings: What it was made with.
        notes: What else a reader must know, one sentence each.
        state: What is still missing; empty when nothing is.

    Returns:
        The page's path.
    """
    pool, held_out = images
    body = "\n".join(
        [
            f"<h1>{html.escape(run.id)}</h1><p><b>{LABEL}</b></p>",
            f"<p class=quiet>{html.escape(dataset)}: {pool:,} images may be used, {held_out:,} are "
            f"held out. {html.escape(' '.join([*notes, state]))}</p>",
            _grids(run, outcomes),
            "<h2>How they score</h2>",
            table.as_html(outcomes, real),
            _copies(outcomes),
            _harmful(outcomes),
            _outliers(outcomes),
            "<h2>What it cannot say</h2><p class=quiet>The model mixes windows of training images "
            "and sees no meaning. It knows nothing of a network's size, attention or training "
            "time. Its order of arms is evidence as far as it agrees with trained networks.</p>",
            "<h2>Settings</h2><details><summary>Everything that made this page</summary>"
            f"<pre>{html.escape(reproduce(settings))}</pre></details>",
        ]
    )
    path = run.path / "preview.html"
    title = f"{html.escape(run.id)}: a preview"
    write_bytes(path, PAGE.format(title=title, body=body).encode())
    return path


def arms_with_pictures(outcomes: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Pick the arms whose pictures are shown: of random the first draw."""
    return [outcome for outcome in outcomes if outcome["seed"] == 0 and outcome.get("folder")]


def sheet_of(run: Run, outcome: Mapping[str, Any]) -> Path:
    """Return the file with an arm's first pictures side by side; written when it is not there.

    Args:
        run: The preview.
        outcome: The record of the arm.
    """
    path = run.path / "grids" / f"{outcome['arm']}.png"
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        files = sorted(Path(outcome["folder"]).glob("*.png"))
        with replacing(path) as part:
            square_grid(files, columns=COLUMNS, side=SIDE).save(part, "PNG")
    return path


def _grids(run: Run, outcomes: Sequence[Mapping[str, Any]]) -> str:
    figures = []
    for outcome in arms_with_pictures(outcomes):
        label = f"{outcome['name']}, {outcome['images']:,} images"
        url = stored_url(sheet_of(run, outcome))
        figures.append(figure(url, label, alt=f"pictures of {label}"))
    return (
        "<h2>What a model would draw</h2><p class=quiet>The same place in every grid began with "
        f"the same noise.</p><div class='grids large'>{''.join(figures)}</div>"
    )


def _copies(outcomes: Sequence[Mapping[str, Any]]) -> str:
    figures = []
    for outcome in arms_with_pictures(outcomes):
        drawn = [one for one in outcome.get("drawn", {}).values() if one.get("pairs")]
        if drawn:
            pairs = [pair for one in drawn for pair in one["pairs"]]
            shown = sorted(pairs, key=lambda pair: -pair["share"])[:PAIRS]
            copied = statistics.fmean(one["copied"] for one in drawn)
            caption = (
                f"{outcome['name']}: {copied:.0%} of its drawings are copies; of those shown one "
                f"image makes {shown[-1]['share']:.0%} to {shown[0]['share']:.0%}."
            )
            figures.append(_strip(pictures_of(shown), caption, alt=f"copies by {outcome['name']}"))
    return _section(
        "Drawings that are nearest to one image",
        "On the left of each pair the drawing, on the right the training image that makes most of "
        f"it. From {COPY:.0%} on the drawing counts as a copy of it.",
        figures,
    )


def _harmful(outcomes: Sequence[Mapping[str, Any]]) -> str:
    figures = []
    for outcome in arms_with_pictures(outcomes):
        worst = outcome.get("worst") or []
        if worst:
            caption = (
                f"{outcome['name']}: {harm_sentence(outcome)} "
                f"The arm {outcome['arm']}-less-5 draws without the worst 5 %."
            )
            paths = [Path(image["path"]) for image in worst[:STRIP]]
            figures.append(_strip(paths, caption, alt=f"worst images of {outcome['name']}"))
    return _section(
        "Training images that do most harm",
        "They weigh more in drawings that no real image is near than in others; most first.",
        figures,
    )


def _outliers(outcomes: Sequence[Mapping[str, Any]]) -> str:
    figures = []
    for outcome in arms_with_pictures(outcomes):
        paths = [Path(path) for path in outcome.get("outlier_images") or []]
        if paths:
            caption = (
                f"{outcome['name']}: {plural(outcome['outliers'], 'outlier')} and "
                f"{plural(outcome['near_copies'], 'near-copy', 'near-copies')} among "
                f"{plural(outcome['images'], 'image')}"
            )
            figures.append(_strip(paths, caption, alt=f"outliers of {outcome['name']}"))
    return _section(
        "Outliers that were chosen", "Images with few like them among all images.", figures
    )


def _strip(paths: Sequence[Path], caption: str, *, alt: str) -> str:
    url = data_url(square_grid(paths[:STRIP], columns=STRIP // 2, side=SMALL))
    return figure(url, caption, alt=alt)


def _section(title: str, text: str, figures: Sequence[str]) -> str:
    if not figures:
        return ""
    shown = f"<div class='grids large'>{''.join(figures)}</div>"
    return f"<h2>{title}</h2><p class=quiet>{text}</p>{shown}"
