"""The page of a preview: the pictures first, then the table, then the images to look at."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...common.contact_sheet import data_url, square_grid
from ...runs import Run, write_bytes
from ..report.page import PAGE
from ..used_settings import reproduce
from . import LABEL, table

COLUMNS, SIDE = 5, 128  # of a grid
WORST = 12  # training images shown per arm


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
            _grids(outcomes),
            "<h2>How they score</h2>",
            table.as_html(outcomes, real),
            _harmful(outcomes),
            "<h2>What it can not say</h2><p class=quiet>The model mixes windows of training images "
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


def _grids(outcomes: Sequence[Mapping[str, Any]]) -> str:
    figures = []
    for outcome in arms_with_pictures(outcomes):
        paths = sorted(Path(outcome["folder"]).glob("*.png"))
        url = data_url(square_grid(paths, columns=COLUMNS, side=SIDE))
        label = html.escape(f"{outcome['arm']}, {outcome['images']:,} images")
        figures.append(
            f"<figure style='max-width:none'><img src='{url}' alt='pictures of {label}'>"
            f"<figcaption>{label}</figcaption></figure>"
        )
    wide = "grid-template-columns:repeat(auto-fill,minmax(min(100%,24rem),1fr))"
    return (
        "<h2>What a model would draw</h2><p class=quiet>The same place in every grid began with "
        f"the same noise.</p><div class=grids style='{wide}'>{''.join(figures)}</div>"
    )


def _harmful(outcomes: Sequence[Mapping[str, Any]]) -> str:
    parts = []
    for outcome in arms_with_pictures(outcomes):
        worst = outcome.get("worst") or []
        if not worst:
            continue
        url = data_url(
            square_grid([Path(one["path"]) for one in worst[:WORST]], columns=WORST, side=88)
        )
        label = html.escape(outcome["arm"])
        bad = outcome["bad"]
        parts.append(
            f"<figure style='max-width:none'><img src='{url}' alt='worst images of {label}'>"
            f"<figcaption>{label}: {bad:.0%} of its drawings have no real image near; these "
            "training images do most harm: they weigh more in such drawings than by chance"
            "</figcaption></figure>"
        )
    if not parts:
        return ""
    return (
        "<h2>Training images to look at</h2><p class=quiet>Preview an arm without its worst "
        f"images as ARM-less-5.</p>{''.join(parts)}"
    )
