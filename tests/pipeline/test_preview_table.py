"""A preview's table from values written by hand."""

from curadiff.studies.preview import LABEL, table


def outcome(arm, name, frechet, *, interval=None, outliers=2):
    drawn = {
        str(seed): {
            "values": {"frechet_distance": frechet + seed},
            "intervals": {"frechet_distance": interval} if interval else {},
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
    assert first.cells[0] == "1,000"
    assert first.cells[1] == "2.20 [2.00, 2.40]"  # the mean, and the range of the draws
    assert first.cells[5] == "22.5 [20.5, 24.5]"  # each draw is a mean over noise seeds
    assert first.cells[-2] == "1.5"
    assert second.cells[5] == "75.5 [70.0, 81.0]"
    assert (real.arm, real.cells[5]) == (table.REAL, "2.50")
    assert {len(row.cells) + 1 for row in (first, second, real)} == {len(table.column_titles())}


def test_terminal_and_page_show_the_same_cells():
    text, page = (show(OUTCOMES, {}) for show in (table.as_text, table.as_html))
    for shown in (text, page):
        assert LABEL in shown
        for cell in ("random (2 draws)", "22.5 [20.5, 24.5]", "75.5 [70.0, 81.0]", "1.5"):
            assert cell in shown
    assert table.REAL not in text


def test_what_is_not_known_yet_is_a_dash():
    early = {"arm": "full", "name": "full", "images": 7, "drawn": {}}
    (row,) = table.table_rows([early], {})
    assert row.cells[0] == "7"
    assert set(row.cells[1:]) == {"-"}
