"""What a study's intervals and verdicts are worth: coverage, false winners, power.

Studies are simulated from the model that `studies.inference` is about: an arm's true value, what a
random selection and a training seed add to it, and real and generated images of which some are
drawn. Nothing of the inference is used to simulate.

    python -m benchmarks study_simulated            # a table, 1,000 studies a row
    python -m benchmarks study_simulated --studies 200
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from curadiff.studies.inference import Comparison, Trainings, compare, winner


@dataclass(frozen=True)
class Study:
    """What a simulated study is like; all values in units of a training seed's deviation.

    Attributes:
        true: The arms' true values; a lower one is better.
        seeds: Training seeds.
        draws: Selections of the last arm, which is the random one.
        between_draws: Standard deviation that a selection adds.
        images: Real images, and generated ones of each training.
        of_images: Standard deviation of what one image contributes.
        heavy: Draw seeds from Student's t with 4 degrees of freedom, of the same deviation.
    """

    true: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0)
    seeds: int = 3
    draws: int = 3
    between_draws: float = 1.0
    images: int = 300
    of_images: float = 8.0
    heavy: bool = False


def simulate(study: Study, generator: np.random.Generator) -> dict[str, Trainings]:
    """Return the trainings of one study that could have come of it."""
    normal, n = generator.normal, study.images
    real, noise = normal(size=n), normal(size=n)  # of each image, in all arms
    arms = {}
    for row, true in enumerate(study.true):
        draws = study.draws if row == len(study.true) - 1 else 1
        own_real = study.of_images * (0.8 * real + 0.6 * normal(size=n))
        own_noise = study.of_images * (0.8 * noise + 0.4 * normal(size=n))
        values, generated = {}, np.zeros(n)
        for draw in range(draws):
            drawn = study.between_draws * normal() if draws > 1 else 0.0
            for seed in range(study.seeds):
                of_seed = generator.standard_t(4) / np.sqrt(2) if study.heavy else normal()
                drawings = own_noise + study.of_images * 0.45 * normal(size=n)
                generated += drawings / (draws * study.seeds)
                value = true + drawn + of_seed + own_real.mean() + drawings.mean()
                values[None if draws == 1 else draw, seed] = float(value)
        arms[f"arm{row}"] = Trainings(
            values, own_real - own_real.mean(), generated - generated.mean()
        )
    return arms


@dataclass(frozen=True)
class Shares:
    """Shares of the simulated studies.

    Attributes:
        covered: Of all intervals, those that hold the true difference.
        winners: Of all studies, those that name an arm as better than all others.
        right: Of all studies, those that name the best arm.
    """

    covered: float
    winners: float
    right: float


def repeat(study: Study, studies: int, seed: int = 0) -> Shares:
    """Simulate so many studies and count."""
    generator = np.random.default_rng(seed)
    inside: list[bool] = []
    named: list[str | None] = []
    for _ in range(studies):
        compared = compare(simulate(study, generator), "metric", lower_is_better=True)
        inside += [_holds(one, study.true) for one in compared]
        named.append(winner(compared))
    best = f"arm{int(np.argmin(study.true))}"
    return Shares(
        float(np.mean(inside)),
        float(np.mean([name is not None for name in named])),
        float(np.mean([name == best for name in named])),
    )


def _holds(one: Comparison, true: Sequence[float]) -> bool:
    value = true[int(one.arm_a[3:])] - true[int(one.arm_b[3:])]
    return one.low is not None and one.high is not None and one.low <= value <= one.high


ROWS = {
    "four equal arms, 3 seeds": Study(),
    "four equal arms, 5 seeds": Study(seeds=5),
    "3 seeds with heavy tails": Study(heavy=True),
    "images add little": Study(of_images=0.5),
    "images add much": Study(of_images=30.0),
    "two equal, two far behind": Study(true=(0.0, 0.0, 50.0, 60.0)),
    "one 4 deviations ahead, 3 seeds": Study(true=(-4.0, 0.0, 0.0, 0.0)),
    "one 4 deviations ahead, 5 seeds": Study(true=(-4.0, 0.0, 0.0, 0.0), seeds=5),
    "one 8 deviations ahead, 3 seeds": Study(true=(-8.0, 0.0, 0.0, 0.0)),
}


def main(words: Sequence[str] | None = None) -> None:
    """Print a row for each kind of study."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--studies", type=int, default=1000)
    parser.add_argument("--row", choices=ROWS, help="only this row")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(words)
    count = args.studies
    print(f"{count} studies a row; nominal coverage 95 %\n")
    print(f"{'':34}  covered  a winner  the best one")
    for name, study in ROWS.items():
        if args.row not in (None, name):
            continue
        shares = repeat(study, count, args.seed)
        print(f"{name:34}  {shares.covered:7.1%}  {shares.winners:8.1%}  {shares.right:12.1%}")


if __name__ == "__main__":
    main()
