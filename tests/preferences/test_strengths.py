"""Bradley-Terry and Davidson against worked examples and other libraries; what has no fit."""

import numpy as np
import pytest
from curadiff.common.errors import DataError
from curadiff.preferences.comparisons import Comparisons
from curadiff.preferences.strengths import fit


def table(wins, ties=None, raters=5):
    """Comparisons with these counts."""
    wins = np.asarray(wins)
    ties = np.zeros_like(wins) if ties is None else np.asarray(ties)
    rows = [
        (i, j, outcome)
        for i in range(len(wins))
        for j in range(i + 1, len(wins))
        for outcome, count in ((1.0, wins[i, j]), (0.0, wins[j, i]), (0.5, ties[i, j]))
        for _ in range(count)
    ]
    first, second, outcome = (np.array(column) for column in zip(*rows, strict=True))
    rater = np.arange(len(rows)) % raters
    names = [chr(ord("a") + i) for i in range(len(wins))]
    return Comparisons(names, [str(r) for r in range(raters)], first, second, outcome, rater)


ENCYCLOPEDIA = [[0, 2, 0, 1], [3, 0, 5, 0], [0, 3, 0, 1], [4, 0, 3, 0]]


def test_the_example_of_the_encyclopedia():
    strength = np.exp(fit(table(ENCYCLOPEDIA)).log_strength)
    assert strength == pytest.approx([0.639835, 1.043314, 0.659810, 2.270377], abs=1e-6)


def test_two_arms_with_ties_have_davidsons_closed_form():
    fitted = fit(table([[0, 30], [20, 0]], [[0, 10], [10, 0]]))
    assert fitted.log_strength[0] - fitted.log_strength[1] == pytest.approx(np.log(30 / 20))
    assert fitted.nu == pytest.approx(10 / np.sqrt(30 * 20))


def test_bradley_terry_agrees_with_choix():
    choix = pytest.importorskip("choix")
    random = np.random.default_rng(1)
    wins = random.integers(1, 40, (6, 6))
    np.fill_diagonal(wins, 0)
    data = [(i, j) for i in range(6) for j in range(6) for _ in range(wins[i, j])]
    expected = choix.ilsr_pairwise(6, data, alpha=0, max_iter=1000, tol=1e-12)
    assert fit(table(wins)).log_strength == pytest.approx(expected - expected.mean(), abs=1e-8)


def test_davidson_and_its_errors_agree_with_a_poisson_model():
    """Davidson's model is log-linear: counts of each pair's three outcomes, one level a pair."""
    sm = pytest.importorskip("statsmodels.api")
    random = np.random.default_rng(2)
    k = 4
    wins, ties = random.integers(5, 60, (k, k)), random.integers(3, 20, (k, k))
    counts, rows = [], []
    pairs = [(i, j) for i in range(k) for j in range(i + 1, k)]
    for number, (i, j) in enumerate(pairs):
        level = np.eye(len(pairs))[number]
        for outcome, count in ((1, wins[i, j]), (0, wins[j, i]), (0.5, ties[i, j])):
            strength = np.zeros(k)
            strength[i], strength[j] = outcome, 1 - outcome
            rows.append([*level, *strength[1:], 1.0 * (outcome == 0.5)])
            counts.append(count)
    model = sm.GLM(counts, np.array(rows), family=sm.families.Poisson()).fit(tol=1e-14, maxiter=200)
    expected = np.array([0, *model.params[len(pairs) : -1]])
    fitted = fit(table(wins, ties))
    assert fitted.log_strength == pytest.approx(expected - expected.mean(), abs=1e-8)
    assert np.log(fitted.nu) == pytest.approx(model.params[-1], abs=1e-8)
    error = np.sqrt(fitted.covariance[0, 0] + fitted.covariance[1, 1] - 2 * fitted.covariance[0, 1])
    assert error == pytest.approx(model.bse[len(pairs)], rel=1e-6)


def test_the_clustered_errors_agree_with_a_logistic_model():
    sm = pytest.importorskip("statsmodels.api")
    random = np.random.default_rng(3)
    first, second = random.integers(0, 2, 400), np.full(400, 2)
    rater, outcome = random.integers(0, 12, 400), random.integers(0, 2, 400) * 1.0
    data = Comparisons(["a", "b", "c"], [str(r) for r in range(12)], first, second, outcome, rater)
    design = np.eye(3)[first] - np.eye(3)[second]
    model = sm.GLM(outcome, design[:, :2], family=sm.families.Binomial()).fit(
        tol=1e-14, cov_type="cluster", cov_kwds={"groups": rater, "use_correction": False}
    )
    fitted = fit(data)
    assert fitted.clustered is not None
    contrast = np.array([1.0, 0.0, -1.0])  # c is at 0 in the logistic model
    ours = np.sqrt(contrast @ fitted.clustered @ contrast)
    assert ours == pytest.approx(model.bse[0] * np.sqrt(12 / 11), rel=1e-6)


def test_half_a_win_for_each_would_shrink_strengths():
    """Davidson keeps the odds of the votes with a side, whatever the share of ties."""
    fitted = fit(table([[0, 60], [40, 0]], [[0, 100], [100, 0]]))
    assert fitted.log_strength[0] - fitted.log_strength[1] == pytest.approx(np.log(1.5))


@pytest.mark.parametrize(
    ("wins", "ties", "words"),
    [
        ([[0, 3, 0], [2, 0, 0], [0, 0, 0]], None, "no vote links a and b with c"),
        ([[0, 3, 4], [2, 0, 5], [0, 0, 0]], None, "a and b never lost a vote against c"),
        ([[0, 30], [0, 0]], [[0, 10], [10, 0]], "a never lost a vote against b"),
        ([[0, 0], [0, 0]], [[0, 4], [4, 0]], "all votes are ties"),
    ],
)
def test_what_has_no_strengths_is_named(wins, ties, words):
    with pytest.raises(DataError, match=words):
        fit(table(wins, ties))


def test_names_and_sides_do_not_matter():
    order = [2, 0, 3, 1]
    wins = np.array(ENCYCLOPEDIA)
    moved = fit(table(wins[np.ix_(order, order)])).log_strength
    assert moved == pytest.approx(fit(table(wins)).log_strength[order], abs=1e-9)


def test_decided_votes_elsewhere_bound_the_ties_and_so_the_strength():
    """b never lost, yet a and c beat each other: the tie of a and b then says how far b is."""
    fit(table([[0, 0, 3], [5, 0, 4], [2, 0, 0]], [[0, 2, 0], [2, 0, 0], [0, 0, 0]]))


def test_a_fit_exists_just_where_every_direction_costs_likelihood():
    """Random small tables: either a fit whose score is 0, or a sentence; never anything else."""
    random = np.random.default_rng(7)
    fitted = 0
    for _ in range(200):
        wins = random.poisson(0.8, (3, 3)) * (1 - np.eye(3, dtype=int))
        ties = np.triu(random.poisson(0.5, (3, 3)), 1)
        if not (wins + wins.T + ties + ties.T).any():
            continue
        try:
            found = fit(table(wins, ties + ties.T))
        except DataError:
            continue
        fitted += 1
        b, expected = found.log_strength, np.zeros(3)
        for i in range(3):
            for j in range(i + 1, 3):
                parts = np.exp([b[i], b[j], (b[i] + b[j]) / 2]) * [1, 1, found.nu]
                chances = parts / parts.sum() * (wins[i, j] + wins[j, i] + ties[i, j])
                expected[[i, j]] += chances[:2] + chances[2] / 2
        points = wins.sum(axis=1) + (ties + ties.T).sum(axis=1) / 2
        assert expected == pytest.approx(points, abs=1e-6)  # each arm's points, as voted
    assert fitted > 30
