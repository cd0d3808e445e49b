"""Influences against leaving each image out, and intervals against repeated experiments."""

import numpy as np
import pytest
from curadiff.metrics import evaluate, frechet_distance, kernel_distance
from curadiff.metrics.bootstrap import interval
from curadiff.metrics.context import Context
from curadiff.metrics.registry import compute
from curadiff.metrics.statistic import Influences


def left_out(context, name, side, count):
    """How much the value falls when each of the first images is left out."""
    rows = getattr(context, side)
    key = name
    whole = compute(name, context)[key].value
    values = []
    for i in range(count):
        fewer = {"real": context.real, "generated": context.generated}
        fewer[side] = np.delete(rows, i, axis=0)
        values.append(whole - compute(name, Context(**fewer))[key].value)
    return np.array(values) * (len(rows) - 1)


@pytest.mark.parametrize("side", ["real", "generated"])
@pytest.mark.parametrize("name", ["frechet_distance", "kernel_distance", "cmmd"])
def test_influence_is_what_leaving_an_image_out_takes_away(rng, name, side):
    x = rng.standard_normal((400, 8)) @ rng.standard_normal((8, 8))
    y = 0.3 + rng.standard_normal((400, 8)) @ rng.standard_normal((8, 8))
    context = Context(real=x, generated=y)
    statistic = compute(name, context)[name]
    influence = statistic.per_real if side == "real" else statistic.per_generated
    found = influence()
    assert found.mean() == pytest.approx(0, abs=1e-9 * np.abs(found).max())
    expected = left_out(context, name, side, 40)
    assert np.corrcoef(found[:40], expected)[0, 1] >= 0.99
    assert np.std(found[:40]) == pytest.approx(np.std(expected), rel=0.1)


def test_vendi_and_mind_influences_follow_leaving_out(rng):
    context = Context(
        real=rng.standard_normal((300, 5)), generated=rng.standard_normal((300, 5)) ** 3
    )
    for name in ("vendi", "mind"):
        found = compute(name, context)[name].per_generated()
        expected = left_out(context, name, "generated", 25)
        assert np.corrcoef(found[:25], expected)[0, 1] >= 0.97, name


def test_one_strange_image_has_the_largest_fid_influence(rng):
    x, y = rng.standard_normal((200, 10)), rng.standard_normal((200, 10))
    y[17] += 8
    fields = evaluate(real=x, generated=y, metrics=["frechet_distance"], null_draws=0).generated
    assert fields["fid_influence"].argmax() == 17


def test_few_images_for_the_features_still_have_influences(rng):
    # Each half of the images lies along directions of its own; the far one adds more.
    x, y = rng.standard_normal((30, 100)), rng.standard_normal((30, 100))
    y[:15] *= 3
    fields = evaluate(real=x, generated=y, metrics=["frechet_distance"], null_draws=0).generated
    influence = fields["fid_influence"]
    assert np.isfinite(influence).all()
    assert influence[:15].min() > influence[15:].max()


@pytest.mark.parametrize("name", ["frechet_distance", "kernel_distance"])
def test_intervals_are_as_wide_as_repeated_experiments_say(rng, name):
    function = {"frechet_distance": frechet_distance, "kernel_distance": kernel_distance}[name]

    def draw():
        return {
            "real": rng.standard_normal((300, 4)),
            "generated": 0.7 + 1.3 * rng.standard_normal((300, 4)),
        }

    spread = np.std([function(**draw()) for _ in range(100)])
    widths = []
    for _ in range(6):
        statistic = compute(name, Context(**draw()))[name]
        low, high = interval(statistic.value, Influences.of(statistic), resamples=300, seed=0)
        assert low < statistic.value < high
        widths.append(high - low)
    assert np.mean(widths) == pytest.approx(2 * 1.96 * spread, rel=0.2)


def test_no_resamples_no_interval(rng):
    x = rng.standard_normal((20, 3))
    found = evaluate(real=x, generated=x, bootstrap=0, null_draws=0)
    bound = {"retrieval_score"}  # its interval is exact, without resamples
    assert {name for name, record in found.records.items() if record.interval} <= bound
