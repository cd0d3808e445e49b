"""Which fidelity and diversity values pass which sanity checks.

Simple distributions of which it is known what a value should say, after Räisä et al. 2025
(arXiv:2505.22450); sizes and limits are those below. Writes a table with every value:

    python benchmarks/metric_checks.py [--images 500] [--out benchmarks/results/metric_checks.md]

A check passes where all its statements hold. "fidelity" is about generated images that are not
like real ones, "diversity" about real images that no generated one is like.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from curadiff.metrics import evaluate

METRICS = ["precision_recall", "density_coverage", "clipped_density_coverage", "retrieval_score"]
FIDELITY = ("precision", "density", "clipped_density")
DIVERSITY = ("recall", "coverage", "clipped_coverage", "retrieval_score")
LOW, HIGH, CLOSE, NEAR = 0.05, 0.9, 0.05, 0.1
RESULTS = Path(__file__).parent / "results" / "metric_checks.md"

Sets = tuple[np.ndarray, np.ndarray]  # real, generated


@dataclass
class Check:
    """Some comparisons, and what fidelity and diversity should say about them."""

    title: str
    should: str  # in words, for the table
    comparisons: Callable[[np.random.Generator, int], list[Sets]]
    fidelity: Callable[[list[float]], bool] | None = None
    diversity: Callable[[list[float]], bool] | None = None
    values: dict[str, list[float]] = field(default_factory=dict)

    def run(self, count: int) -> None:
        """Compute every value of every comparison."""
        for real, generated in self.comparisons(np.random.default_rng(0), count):
            found = evaluate(
                real=real, generated=generated, metrics=METRICS, counts="unequal", null_draws=0,
                bootstrap=0,
            )  # fmt: skip
            for name in (*FIDELITY, *DIVERSITY):
                self.values.setdefault(name, []).append(float(found.values[name] or 0.0))

    def cell(self, name: str) -> str:
        """Write whether a value passes, and the values."""
        holds = self.fidelity if name in FIDELITY else self.diversity
        if holds is None:
            return "-"
        numbers = ", ".join(f"{value:.2f}" for value in self.values[name])
        return f"{'pass' if holds(self.values[name]) else '**fail**'} ({numbers})"


def low(values: list[float]) -> bool:
    return max(values) <= LOW


def high(values: list[float]) -> bool:
    return min(values) >= HIGH


def same(values: list[float]) -> bool:
    return max(values) - min(values) <= CLOSE


def follows(*expected: float) -> Callable[[list[float]], bool]:
    return lambda values: max(abs(v - e) for v, e in zip(values, expected, strict=True)) <= NEAR


def falls_to_nothing(values: list[float]) -> bool:
    steps = np.diff(values)
    return values[0] >= HIGH and values[-1] <= LOW and bool((steps <= CLOSE).all())


def normal(rng: np.random.Generator, count: int, d: int = 8, shift: float = 0.0) -> np.ndarray:
    return rng.standard_normal((count, d)) + shift


def modes(rng: np.random.Generator, shares: list[float], count: int) -> np.ndarray:
    """Gaussians far from one another, as many images of each as its share says."""
    sizes = np.round(np.array(shares) / sum(shares) * count).astype(int)
    parts = [normal(rng, size, 8) + 40.0 * np.eye(len(shares), 8)[m] * (1 + m // 8)
             for m, size in enumerate(sizes)]  # fmt: skip
    return np.concatenate(parts)


def sphere(rng: np.random.Generator, count: int, d: int, radius: float) -> np.ndarray:
    x = rng.standard_normal((count, d))
    return radius * x / np.linalg.norm(x, axis=1, keepdims=True)


def torus(rng: np.random.Generator, count: int) -> np.ndarray:
    a, b = rng.uniform(0, 2 * np.pi, (2, count))
    ring = 1 + 0.1 * np.cos(b)
    return np.stack([ring * np.cos(a), ring * np.sin(a), 0.1 * np.sin(b)], axis=1)


def with_outliers(rng: np.random.Generator, n: int) -> list[Sets]:
    """Far images, without and with one real and one generated image among them."""
    real, far = normal(rng, n), normal(rng, n, shift=6.0)
    outlier = np.full((1, 8), 12.0)
    added = np.concatenate([real[1:], outlier]), np.concatenate([far[1:], -outlier])
    return [(real, far), added]


def disjoint_dimension(rng: np.random.Generator, n: int) -> list[Sets]:
    real, generated = normal(rng, n, 64), normal(rng, n, 64)
    real[:, 0], generated[:, 0] = 0.1 * real[:, 0], 3 + 0.1 * generated[:, 0]
    return [(real, generated)]


def scaled_dimension(rng: np.random.Generator, n: int) -> list[Sets]:
    real, generated = normal(rng, n), normal(rng, n, shift=0.7)
    scale = np.r_[1000.0, np.ones(7)]
    return [(real, generated), (real * scale, generated * scale)]


def dropped(shares: list[list[float]]) -> Callable[[np.random.Generator, int], list[Sets]]:
    return lambda rng, n: [(modes(rng, [1.0] * 5, n), modes(rng, one, n)) for one in shares]


CHECKS = [
    Check("same distribution", "both at least 0.9",
          lambda r, n: [(normal(r, n), normal(r, n)), (normal(r, n, 64), normal(r, n, 64))],
          high, high),
    Check("far apart", "both at most 0.05", lambda r, n: [(normal(r, n), normal(r, n, shift=20))],
          low, low),
    Check("Gaussian mean difference", "from at least 0.9 down to at most 0.05, never up",
          lambda r, n: [(normal(r, n), normal(r, n, shift=s)) for s in (0, 0.5, 1, 2, 4)],
          falls_to_nothing, falls_to_nothing),
    Check("mean difference and an outlier", "an outlier on each side changes at most 0.05",
          with_outliers, same, same),
    Check("Gaussian standard deviation 0.3", "fidelity at least 0.9, diversity at most 0.3",
          lambda r, n: [(normal(r, n), 0.3 * normal(r, n))], high, lambda v: max(v) <= 0.3),
    Check("Gaussian standard deviation 3", "fidelity at most 0.2",
          lambda r, n: [(normal(r, n), 3 * normal(r, n))], lambda v: max(v) <= 0.2),
    Check("hypercube, more images", "the same within 0.05",
          lambda r, n: [(r.random((m, 8)), 0.2 + r.random((m, 8))) for m in (n // 4, n, 2 * n)],
          same, same),
    Check("hypercube, more generated images", "the same within 0.05",
          lambda r, n: [(r.random((n, 8)), r.random((m, 8))) for m in (n // 4, n, 4 * n)],
          same, same),
    Check("sphere within a sphere", "both at most 0.05",
          lambda r, n: [(sphere(r, n, 8, 1.0), sphere(r, n, 8, 0.5))], low, low),
    Check("sphere and torus", "both at most 0.05",
          lambda r, n: [(sphere(r, n, 3, 0.6), torus(r, n))], low, low),
    Check("one disjoint of 64 features", "both at most 0.05", disjoint_dimension, low, low),
    Check("one feature in other units", "the same within 0.05", scaled_dimension, same, same),
    Check("modes dropped one by one", "fidelity at least 0.9; diversity the share that is left",
          dropped([[1] * k + [0] * (5 - k) for k in (5, 4, 3, 2, 1)]),
          high, follows(1, 0.8, 0.6, 0.4, 0.2)),
    Check("modes thinned together", "fidelity at least 0.9; diversity from 0.9 to the mode left",
          dropped([[1] * 5, [1, 0.3, 0.3, 0.3, 0.3], [1, 0, 0, 0, 0]]), high,
          lambda v: v[0] >= HIGH and v[0] > v[1] > v[2] and v[2] <= 0.3),
    Check("modes invented", "fidelity the share of real modes; diversity at least 0.9",
          lambda r, n: [(modes(r, [1] * 2, n), modes(r, [1] * k, n)) for k in (2, 3, 4)],
          follows(1, 2 / 3, 1 / 2), high),
    Check("whole and broken numbers", "fidelity at most 0.05",
          lambda r, n: [(r.integers(0, 10, (n, 1)) * 1.0, 9 * r.random((n, 1)))], low),
]  # fmt: skip


def table(count: int) -> str:
    """Lay all checks out as a table of Markdown, with a line that counts the passes."""
    names = (*FIDELITY, *DIVERSITY)
    lines = [
        f"| check ({count} images) | should be | {' | '.join(names)} |",
        "|---" * (len(names) + 2) + "|",
    ]
    passed = dict.fromkeys(names, 0)
    asked = dict.fromkeys(names, 0)
    for check in CHECKS:
        cells = {name: check.cell(name) for name in names}
        lines.append(f"| {check.title} | {check.should} | {' | '.join(cells.values())} |")
        for name, cell in cells.items():
            asked[name] += cell != "-"
            passed[name] += cell.startswith("pass")
    total = " | ".join(f"{passed[name]} of {asked[name]}" for name in names)
    return "\n".join([*lines, f"| passed | | {total} |"]) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=500, help="real and generated images each")
    parser.add_argument("--out", type=Path, default=RESULTS, help="where the table is written")
    given = parser.parse_args()
    for check in CHECKS:
        check.run(given.images)
    text = table(given.images)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
