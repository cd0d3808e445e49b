import json
from html.parser import HTMLParser

import numpy as np
import pytest
from curadiff.common.errors import DataError, SettingsError
from curadiff.selectors import select
from curadiff.selectors.core.frechet import PoolGaussian
from curadiff.selectors.core.rows import unit_rows
from curadiff.selectors.report.report import figures, report
from PIL import Image
from scipy import linalg


@pytest.fixture(autouse=True)
def without_umap(monkeypatch):
    monkeypatch.setattr(figures, "MAPPED", 40)  # also: large pools are thinned for the map


@pytest.fixture
def made(clusters):
    x, labels = clusters(n=500, copies=40)
    chosen = {m: select(x, 60, method=m) for m in ("typicality", "coreset", "random")}
    return x, labels, chosen, report(x, chosen, labels, quotas={0: 40, 1: 1})


def test_numbers_agree_with_direct_computation(made, unit):
    x, labels, chosen, made = made
    u = unit(x)
    for name, found in made.numbers.items():
        rows = chosen[name].indices
        gap = np.linalg.norm(u[:, None] - u[rows], axis=2).min(1)
        assert found["coverage_max"] == pytest.approx(gap.max(), abs=1e-6)
        assert found["coverage_mean"] == pytest.approx(gap.mean(), abs=1e-6)
        share = np.bincount(labels[rows], minlength=6) / 60 - np.bincount(labels) / 500
        assert found["share_distance"] == pytest.approx(np.abs(share).sum() / 2)
        assert found["quota_shortfalls"].get("0", 0) == 40 - (labels[rows] == 0).sum()
        assert "1" not in found["quota_shortfalls"]
    assert made.numbers["typicality"]["outlier_share"] == 0
    assert made.numbers["typicality"]["duplicate_share"] == 0
    assert made.overlap["coreset"]["coreset"] == 1
    shared = len(set(chosen["coreset"].indices) & set(chosen["random"].indices))
    assert made.overlap["coreset"]["random"] == pytest.approx(shared / (120 - shared))


def test_a_random_selection_lies_near_the_random_band(made):
    low, mean, high = made[3].numbers["random"]["frechet_distance_random"]
    assert low <= mean <= high
    assert 0.5 * low < made[3].numbers["random"]["frechet_distance"] < 2 * high


def test_numbers_are_json(made):
    assert json.loads(json.dumps(made[3].numbers, allow_nan=False)) == made[3].numbers


def test_the_page_needs_no_network(made, tmp_path):
    path = made[3].to_html(tmp_path / "report.html")
    found = []

    class Tags(HTMLParser):
        def handle_starttag(self, tag, attrs):
            found.extend(value for key, value in attrs if key in ("src", "href"))

    Tags().feed(path.read_text())
    assert "<script" not in path.read_text()
    assert path.stat().st_size < 500_000
    assert not [link for link in found if link and link.startswith(("http", "//"))]
    assert set(made[3].figures) == {
        "coverage", "frechet", "density", "faults", "overlap", "map", "shares",
    }  # fmt: skip


def test_the_page_says_in_words_where_a_selection_lies_beside_random_subsets(made, tmp_path):
    found = made[3]
    row = found.numbers["typicality"]
    low, _, high = row["frechet_distance_random"]
    value = row["frechet_distance"]
    place = "above" if value > high else "below" if value < low else "within"
    assert (
        f"{value:.3g}, {place} the range of random subsets"
        in found.to_html(tmp_path / "all.html").read_text()
    )


def test_distances_count_the_kept_images_and_the_page_says_so(clusters, unit, tmp_path):
    x, _ = clusters(n=300)
    u, kept = unit(x), np.arange(200)

    def farthest(rows):
        return np.linalg.norm(u[:, None] - u[rows], axis=2).min(1).max()

    chosen = select(x, 5, method="coreset", preselected=kept)
    assert chosen.preselected.tolist() == kept.tolist()
    made = report(x, {"mine": chosen})
    others = np.random.default_rng(0).choice(np.arange(200, 300), 5, replace=False)
    ours, random = (farthest(np.append(kept, rows)) for rows in (chosen.indices, others))
    sentence = (
        f"farther than {ours:.3g} from one of the 5 picks or the 200 kept images; one random "
        f"choice of as many beside the same kept images leaves {random:.3g}."
    )
    text = made.to_html(tmp_path / "kept.html").read_text()
    assert sentence in text
    assert "Farthest image from a pick or kept image" in text
    assert farthest(chosen.indices) > 1.2 * ours  # the picks alone
    both = report(x, {"mine": chosen, "other": select(x, 7, method="coreset")})
    text = both.to_html(tmp_path / "both.html").read_text()
    assert "from one of the 5 picks or the 200 kept images.<" in text
    assert "from one of the 7 picks.<" in text
    assert "7 picks</span>" in text


def test_the_page_says_how_many_random_subsets_make_a_band(clusters, tmp_path):
    x, _ = clusters(n=60)
    chosen = {"mine": select(x, 5)}
    for bands, words in ((3, "3 random subsets of"), (1, "1 random subset of")):
        made = report(x, chosen, bands=bands)
        subsets = [
            np.random.default_rng(seed).choice(60, 5, replace=False) for seed in range(bands)
        ]
        distances = [PoolGaussian(unit_rows(x)).distance(rows) for rows in subsets]
        band = made.numbers["mine"]["frechet_distance_random"]
        assert band == pytest.approx([min(distances), np.mean(distances), max(distances)])
        assert f"the range of {words}" in made.to_html(tmp_path / "bands.html").read_text()
    with pytest.raises(SettingsError, match="bands must be >= 1 random subset, got 0"):
        report(x, chosen, bands=0)


def test_one_selection_is_compared_with_no_other_and_its_picks_are_shown(clusters, tmp_path):
    x, _ = clusters(n=60)
    chosen = select(x, 9)
    files = []
    for number in range(9):
        Image.new("RGB", (20, 30), (20 * number, 0, 0)).save(tmp_path / f"{number}.png")
        files.append(tmp_path / f"{number}.png")
    found = report(x, {"<mine>": chosen})
    text = found.to_html(tmp_path / "one.html", pictures={"<mine>": files}).read_text()
    assert "<script" not in text
    assert len(text) < 100_000
    assert "What they share" not in text
    assert "&lt;mine&gt;: the first 9 picks" in text
    assert "<mine>" not in text
    assert "data:image" in text


def test_the_frechet_distance_agrees_with_the_matrix_square_root(clusters, unit):
    u = unit(clusters(n=400, d=12)[0]).astype(np.float32)
    rows = np.arange(50)
    a, b = np.cov(u.T, bias=True), np.cov(u[rows].T)
    gap = u.mean(0) - u[rows].mean(0)
    expected = gap @ gap + np.trace(a + b - 2 * linalg.sqrtm(a @ b).real)
    assert PoolGaussian(u).distance(rows) == pytest.approx(expected, rel=1e-3)
    assert PoolGaussian(u).distance(np.arange(400)) < 1e-4
    assert np.isnan(PoolGaussian(u).distance(rows[:1]))


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (lambda x, s: (x, {}), "at least one selection"),
        (lambda x, s: (x[:100], {"a": s}), "'a' selected 10 of 200 samples and x has 100"),
        (lambda x, s: (x, {"a": s}, [1, 2]), "labels must be one for each of 200 rows, got 2"),
    ],
)
def test_what_does_not_belong_together_is_refused(args, sentence, clusters):
    x, _ = clusters(n=200)
    with pytest.raises(DataError, match=sentence):
        report(*args(x, select(x, 10)))


def test_a_single_pick_can_be_reported(clusters):
    x, _ = clusters(n=60)
    made = report(x, {"one": select(x, 1)})
    assert made.numbers["one"]["min_pair_distance"] == 0
