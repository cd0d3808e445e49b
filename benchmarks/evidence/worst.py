"""The photographs that harm previews most: shown, and dropped."""

from __future__ import annotations

from typing import Any

import numpy as np
from chance import against_chance, plain
from curadiff.diffusion.analytic import harm
from garments import PART, Photographs, Trial
from PIL import Image, ImageDraw
from planted import DRAW

WORST = 20
BY_CHANCE = 6  # draws of as many photographs, dropped instead
IN_A_ROW = 8


def worst_images(trial: Trial) -> dict[str, Any]:
    """Find the photographs of most harm; drop them, or as many by chance, and draw again.

    Writes worst.png, and blind.png: they and as many others, shuffled, so that who looks
    does not know which is which before the answer, ``blind``, is read.
    """
    train, n = trial.train, len(trial.train.labels)
    network = trial.model(np.arange(n))
    made = [network.vary(range(at, min(at + PART, n)), **DRAW) for at in range(0, n, PART)]
    drawn = trial.see(np.concatenate([one.pictures for one in made]))
    sources = [source for one in made for source in one.sources]
    outside = harm.outside(real=trial.real, drawn=drawn)
    influence = harm.influence(sources, outside=outside, n=n)
    order = influence.worst()
    shown = np.concatenate([order[:WORST], np.random.default_rng(2).permutation(order[WORST:])])
    blind = np.random.default_rng(3).permutation(shown[: 2 * WORST])
    sheet(train.take(order[:WORST])).save(trial.given.folder / "worst.png", optimize=True)
    sheet(train.take(blind)).save(trial.given.folder / "blind.png", optimize=True)
    values = {
        "all": trial.values("full", np.arange(n)),
        "without worst": trial.values("without worst", np.sort(order[WORST:])),
    }
    for draw in range(BY_CHANCE):
        rows = np.random.default_rng(100 + draw).permutation(n)[WORST:]
        name = f"{WORST} fewer by chance {draw}"
        values[name] = trial.values(name, np.sort(rows))
    chances = [plain(one) for name, one in values.items() if "chance" in name]
    return {
        "bad": influence.bad,
        "worst": [
            {
                "file": train.names[row],
                "label": train.labels[row],
                "contributor": train.people[row],
                "harm": influence.harm[row],
                "low": influence.low[row],
                "use": influence.use[row] * n,
            }
            for row in order[:WORST]
        ],
        "clearly_harmful": int((influence.low > 0).sum()),
        "blind": [int(np.flatnonzero(order == row)[0]) + 1 for row in blind],
        "dropped": values,
        "change": against_chance(plain(values["without worst"]), chances),
    }


def sheet(shown: Photographs) -> Image.Image:
    """Show photographs at 128 px with their places and classes."""
    cell, line = 128, 14
    height = -(-len(shown.labels) // IN_A_ROW) * (cell + line)
    image = Image.new("RGB", (IN_A_ROW * cell, height), "white")
    pen = ImageDraw.Draw(image)
    for place, picture in enumerate(shown.pictures):
        x, y = place % IN_A_ROW * cell, place // IN_A_ROW * (cell + line)
        image.paste(Image.fromarray(picture).resize((cell, cell)), (x, y))
        pen.text((x + 2, y + cell + 1), f"{place + 1} {shown.labels[place]}", fill="black")
    return image
