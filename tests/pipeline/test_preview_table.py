"""A preview's table from values written by hand."""

import re

import pytest
from curadiff.config.metrics import METRICS
from curadiff.studies.preview import LABEL, table


def outcome(arm, name, frechet, *, interval=None, outliers=2):
    drawn = {
        str(seed): {
            "values": {"frechet_distance": frechet + seed},
            "intervals": {"frechet_distance": interval} if interval else {},
            "copied": 0.25 * (seed + 1),
        }
        for seed in range(2)
    }
    return {
        "arm": arm,
        "name": name,
        "images": 1000,
        "outliers": outliers,
        "near_copies": 0,
        "forecast": {"frechet_distance": frechet / 10},
        "drawn": drawn,
    }


OUTCOMES = [
    outcome("random-1", "random", 20.0, outliers=1),
    outcome("random-2", "random", 24.0, outliers=2),
    outcome("coreset", "coreset", 75.0, interval=[70.0, 81.0]),
]


def test_random_is_a_band_and_others_have_an_interval():
    first, second, real = table.table_rows(OUTCOMES, {"frechet_distance": 2.5})
    assert first.arm == "random (2 draws)"
    assert first.images == "1,000"
    # the mean, and the range of the draws; each draw is a mean over noise seeds
    assert str(first.forecast["frechet_distance"]) == "2.20 [2.00, 2.40]"
    assert str(first.drawn["frechet_distance"]) == "22.5 [20.5, 24.5]"
    assert first.outliers == "1.5"
    assert str(second.drawn["frechet_distance"]) == "75.5 [70.0, 81.0]"
    assert (real.arm, str(real.drawn["frechet_distance"])) == (table.REAL, "2.50")


def test_every_value_of_the_metrics_has_a_column():
    named = [value.name for name in table.METRICS for value in METRICS[name].values]
    assert sorted([*table.DECIDING, *table.FURTHER]) == sorted(named)
    assert "clipped_coverage" in table.DECIDING
    assert table.title("frechet_distance") == "Frechet distance ↓"
    assert table.title("recall") == "recall ↑"


def test_terminal_app_and_page_show_the_same_cells():
    text, app = (show(OUTCOMES, {}) for show in (table.as_text, table.as_markdown))
    page = table.as_html(OUTCOMES, {})
    assert LABEL in text
    assert LABEL in app
    for shown in (text, app, page):
        for word in (
            "random (2 draws)",
            "22.5",
            "[20.5, 24.5]",
            "75.5",
            "[70.0, 81.0]",
            "1.5",
            "38%",
        ):
            assert word in shown
        assert table.REAL not in shown
    assert max(len(line) for line in text.splitlines()) <= 100


def test_arms_are_placed_beside_the_draws_of_random():
    kmeans = outcome("kmeans", "kmeans", 22.0) | {"forecast": {"frechet_distance": 1.9}}
    full = outcome("full", "full", 1.0) | {"images": 9000}
    said = table.beside_random([*OUTCOMES, kmeans, full])
    assert "forecast: coreset worse than every draw; kmeans better than every draw" in said
    assert "drawn: coreset worse than every draw; kmeans within their range" in said
    assert "full" not in said  # of another size
    # of three equal things in random order, one given one is first or last in 2 of 3 cases
    assert "outside their range in 67% of all cases" in " ".join(said.split())
    assert table.beside_random(OUTCOMES[1:]) == ""  # one draw has no range


def test_the_terminal_says_what_the_columns_mean():
    said = " ".join(table.as_text(OUTCOMES, {}).split())
    assert table.LEGEND in said
    assert "Frechet distance beside the 2 random draws" in said


@pytest.mark.parametrize("real", [{}, {"frechet_distance": 2.5, "recall": 0.7}])
def test_every_row_of_a_layout_has_as_many_cells_as_its_head(real):
    app = [line for line in table.as_markdown(OUTCOMES, real).splitlines() if line[:1] == "|"]
    assert len({line.count("|") for line in app}) == 1
    for part in re.findall(r"<table.*?</table>", table.as_html(OUTCOMES, real)):
        groups, *lines = re.findall(r"<tr.*?</tr>", part)
        spans = [int(span or 1) for span in re.findall(r"<t[hd](?: colspan=(\d+))?>", groups)]
        counts = {len(re.findall("<t[hd]>", line)) for line in lines}
        assert counts == {sum(spans)}


def test_what_is_not_known_yet_is_a_dash():
    early = {"arm": "full", "name": "full", "images": 7, "drawn": {}}
    (row,) = table.table_rows([early], {})
    assert row.images == "7"
    assert {str(cell) for cell in [*row.forecast.values(), *row.drawn.values()]} == {"-"}
    assert (row.outliers, row.near_copies, row.copied) == ("-", "-", "-")
