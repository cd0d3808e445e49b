"""How an evaluation looks when it is printed."""

import re

import numpy as np
import pytest
from curadiff.metrics import evaluate
from curadiff.metrics.table import HEAD, number


@pytest.fixture(scope="module")
def found():
    rng = np.random.default_rng(0)
    real, made, train = (rng.standard_normal((60, 8)) for _ in range(3))
    return evaluate(real=real, generated=made, train=train, bootstrap=50)


def test_every_value_stands_in_a_line_with_null_excess_interval_and_counts(found):
    lines = repr(found).splitlines()
    rows = lines[1 : 2 + len(found.records)]
    assert len({len(line) for line in rows}) <= 2  # aligned, but for what is cut at the end
    shown = {line.split()[0]: re.split(r"  +", line) for line in lines[2 : 2 + len(found.records)]}
    assert list(shown) == list(found.records)
    for name, record in found.records.items():
        cells = shown[name]
        assert len(cells) == len(HEAD)
        assert float(cells[1]) == pytest.approx(record.value, rel=5e-3)
        assert float(cells[2]) == pytest.approx(record.null, rel=5e-3)
        assert float(cells[3]) == pytest.approx(record.excess, rel=5e-3, abs=1e-9)
        low, high = (float(part) for part in cells[4].split(" to "))
        assert (low, high) == pytest.approx(record.interval, rel=5e-3)
        assert cells[5] == f"{record.n_real} / {record.n_generated}" == "60 / 60"
        assert cells[6] == f"{record.n_null[0]} / {record.n_null[1]}"
    assert shown["precision"][6] == "30 / 30"  # two halves, said beside the value


def test_it_is_short_and_the_notes_come_with_print(found):
    assert len(repr(found)) < 2000
    assert str(found).startswith(repr(found))
    assert all(note in str(found) for note in found.notes)
    page = found._repr_html_()
    assert page.count("<tr>") == 1 + len(found.records)
    assert all(f"<td>{name}</td>" in page for name in found.records)


def test_what_has_no_value_says_why():
    x = np.random.default_rng(0).standard_normal((5, 8))
    found = evaluate(real=x, generated=x + 1, null_draws=0, bootstrap=0)
    assert "coverage has no value: k = 5 needs at least 6 images and real has 5" in repr(found)
    line = next(line for line in repr(found).splitlines() if line.startswith("coverage "))
    assert line.split()[1:5] == ["-", "-", "-", "-"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"), (0.0, "0"), (0.1234, "0.123"), (123456.0, "123456"), (-2.5, "-2.50"),
        (0.00012345, "0.000123"), (1e-12, "1.00e-12"), (float("nan"), "nan"), (1.0, "1.00"),
    ],
)  # fmt: skip
def test_numbers_have_three_digits(value, text):
    assert number(value) == text


def test_print_says_which_way_is_better(found):
    lower = re.search(r"Lower is better for ([^;]+); higher for the others", str(found))
    assert lower
    distances = {"frechet_distance", "kernel_distance", "cmmd", "mind", "memorized"}
    assert set(lower[1].split(", ")) == distances & set(found.records)
