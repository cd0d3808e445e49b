"""The image retrieval score against exact chances of urns, and its bound against repetition."""

import numpy as np
import pytest
from curadiff.metrics import evaluate, reference_geometry, retrieval_score
from curadiff.metrics.retrieval_score import from_counts
from scipy.special import gammaln


def chances(s, m):
    """Chance of k different ones among m draws from s, for every k: exact, one draw at a time."""
    chance = np.zeros(m + 1)
    chance[0] = 1.0
    for _ in range(m):
        again = chance * np.arange(m + 1) / s
        new = np.concatenate([[0], chance[:-1] * (s - np.arange(m)) / s])
        chance = again + np.maximum(new, 0)
    return chance


@pytest.mark.parametrize(("k", "n", "m"), [(20, 60, 30), (35, 60, 50), (10, 200, 11), (7, 40, 90)])
def test_the_score_is_the_likeliest_and_its_bound_holds_95_percent(k, n, m):
    score = from_counts(k, n_real=n, n_generated=m)
    at = {s: chances(s, m) for s in range(k, n + 1)}
    assert round(score.value * n) == max(at, key=lambda s: at[s][k])
    low, high = (round(end * n) for end in score.bound)
    more, fewer = (lambda s: at[s][k:].sum()), (lambda s: at[s][: k + 1].sum())
    exact_low = min(s for s in at if more(s) > 0.025)
    exact_high = max(s for s in at if fewer(s) > 0.025)
    assert abs(low - exact_low) <= max(1, 0.03 * exact_low)
    assert abs(high - exact_high) <= max(1, 0.03 * exact_high)


@pytest.mark.parametrize(("k", "n", "m"), [(431, 900, 700), (18, 5000, 20), (310, 400, 1000)])
def test_the_likeliest_is_where_the_authors_formula_peaks(k, n, m):
    """Theirs is log S(m, k) + log s! - log (s - k)! - m log s, of which S does not depend on s."""
    s = np.arange(k, n + 1)
    log_chance = gammaln(s + 1) - gammaln(s - k + 1) - m * np.log(s)
    assert round(from_counts(k, n_real=n, n_generated=m).value * n) == s[np.argmax(log_chance)]


def test_a_model_that_reaches_a_third_scores_a_third(rng):
    real = 10 * rng.standard_normal((300, 20))
    held = 0
    for _ in range(60):
        drawn = rng.integers(100, size=150)
        generated = real[drawn] + 0.01 * rng.standard_normal((150, 20))
        score = retrieval_score(real=real, generated=generated)
        assert score.retrieved == len(set(drawn.tolist()))
        held += score.bound[0] <= 1 / 3 <= score.bound[1]
    assert held >= 52
    assert score.share == score.retrieved / 300


def test_images_that_never_come_twice_leave_all_within_reach(rng):
    real = 10 * rng.standard_normal((50, 20))
    score = retrieval_score(real=real, generated=real[:20])
    assert (score.value, score.bound[1]) == (1.0, 1.0)
    assert retrieval_score(real=real, generated=real[[3] * 20]).value == 1 / 50


def test_the_table_has_the_bound_and_the_null_of_real_images(rng):
    real, generated = rng.standard_normal((120, 4)), 0.2 * rng.standard_normal((120, 4))
    record = evaluate(real=real, generated=generated, metrics=["retrieval_score"]).records[
        "retrieval_score"
    ]
    score = retrieval_score(real=real, generated=generated)
    assert (record.value, record.interval) == (score.value, score.bound)
    assert record.detail == {"retrieved": score.retrieved, "share": score.share}
    assert record.null > record.value  # real images reach more of the others


def test_the_geometry_of_a_reference_is_said_beside_a_frechet_distance(rng):
    # Along 4 of 10 directions equally: effective rank 4; twice as far apart: log 2 less dense.
    basis = np.linalg.qr(rng.standard_normal((10, 4)))[0]
    x = rng.standard_normal((300, 4))
    x = (x - x.mean(0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(x, rowvar=False))).T @ basis.T
    near, far = reference_geometry(real=x), reference_geometry(real=2 * x)
    assert near.effective_rank == pytest.approx(4)
    difference = near.mean_negative_log_distance - far.mean_negative_log_distance
    assert difference == pytest.approx(np.log(2))
    gaps = np.sort(np.linalg.norm(x[:, None] - x[None], axis=2), axis=1)[:, 5]
    assert near.mean_negative_log_distance == pytest.approx(-np.log(gaps).mean())
    found = evaluate(real=x, generated=x + 1, metrics=["frechet_distance", "mind"], bootstrap=0)
    assert found.records["frechet_distance"].detail["reference"] == near._asdict()
    sentence = "frechet_distance: the reference has an effective rank of 4.00 and a mean -log d_5"
    assert sentence in repr(found)
    assert sentence in found._repr_html_()
    assert "reference" not in found.records["mind"].detail
