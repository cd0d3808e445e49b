"""The commands behind docs/evidence at toy size; their figures are nobody's business here."""

import importlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

EVIDENCE = Path(__file__).parents[1] / "benchmarks" / "evidence"


@pytest.fixture
def module(monkeypatch):
    def load(name):
        monkeypatch.syspath_prepend(str(EVIDENCE))
        return importlib.import_module(name)

    before = set(sys.modules)
    yield load
    for name in set(sys.modules) - before:
        if str(EVIDENCE) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def test_the_most_important_trainings_come_first_and_each_in_its_order(module):
    matrix = module("training_matrix")
    jobs = matrix.all_jobs(["full", "kmeans"], (10, 20))
    names = [job.name for job in jobs]
    assert names == [
        "full/0/10",
        "kmeans/0/10",
        "full/1/10",
        "kmeans/1/10",
        "full/0/20",
        "full/1/20",
    ]
    first = set(jobs[:4])
    assert matrix.next_job(jobs, set(), {jobs[0]}) == jobs[1]
    # full/0/20 goes on with the run of full/0/10, which another process still trains
    assert matrix.next_job(jobs, first - {jobs[0]}, {jobs[0]}) == jobs[5]
    assert matrix.next_job(jobs, set(jobs), set()) is None


def test_drawings_outlive_an_interruption(module, tmp_path):
    matrix = module("training_matrix")
    jobs = matrix.all_jobs(["kmeans"], (10,))
    book = matrix.Book(tmp_path, tmp_path, jobs, {})
    drawn = np.full((2, 32, 32), 7, np.uint8)
    book.enter(jobs[0], {"drawn": drawn, "loss": 0.5})
    book.enter(jobs[1], {"error": "no such luck"})
    again = matrix.Book(tmp_path, tmp_path, jobs, {})
    assert again.done == {jobs[0]}
    again.write(final=True)
    with np.load(tmp_path / "drawings-0.npz") as file:
        assert (file["kmeans/0/10"] == drawn).all()
    record = json.loads((tmp_path / "trainings.json").read_text())
    assert record["trainings"] == {"kmeans/0/10": {"loss": 0.5}}


def test_pictures_keep_their_colours_when_they_get_small(module):
    reduced = module("arms").reduced
    colours = np.full((2, 8, 8, 3), (10, 20, 30), np.uint8)
    assert (reduced(colours, 4) == np.full((2, 4, 4, 3), (10, 20, 30))).all()
    assert (reduced(colours[..., 1], 4) == np.full((2, 4, 4), 20)).all()


def test_a_change_is_outside_when_a_further_draw_by_chance_would_hardly_be_there(module):
    chances = [{"recall": value} for value in (1.0, 2.0, 3.0)]
    # three draws of mean 2 and deviation 1: Student's t for two degrees of freedom is 4.3027
    band = pytest.approx(4.3027 * (4 / 3) ** 0.5, rel=1e-4)
    against = module("chance").against_chance
    assert against({"recall": 7.1}, chances)["recall"] == {
        "change": pytest.approx(5.1),
        "band": band,
        "outside": True,
    }
    assert not against({"recall": -2.9}, chances)["recall"]["outside"]


def test_photographs_of_a_contributor_stay_together(module):
    garments = module("garments")
    people = np.repeat(["a", "b", "c", "d"] + [f"{n}" for n in range(20)], [30, 3, 3, 3] + [2] * 20)
    every = garments.Photographs(*(people for _ in garments.Photographs._fields))
    train, reference = garments.split(every)
    assert not set(train.people) & set(reference.people)
    assert len(train.people) + len(reference.people) == len(people)
    assert len(people) / 5 <= len(reference.people) < len(people) / 5 + 3
    assert "a" in train.people  # who gave many is never put aside


@pytest.mark.slow
@pytest.mark.parametrize(
    ("channels", "recipe"), [((), []), ((3,), ["--small-data"])], ids=["gray", "colours"]
)
def test_the_trainings_are_rehearsed(module, tmp_path, channels, recipe):
    files = module("arms")
    shape = (20, 32, 32, *channels)
    pool = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    arms = tmp_path / "arms.npz"
    files.write_npz(arms, pool=pool, **{"rows/random-0": np.arange(10)})
    out = tmp_path / "out"
    words = ["train", str(arms), str(out), "--toy", "--images", "16", "32", "--parallel", "2"]
    words += recipe
    command = [sys.executable, str(EVIDENCE), *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, done.stderr
    record = json.loads((out / "trainings.json").read_text())
    assert record["not_done"] == {}
    assert record["trainings"]["random-0/1/32"]["exposures"] == 3.2
    assert record["trainings"]["random-0/1/32"]["without_fiftyone"]
    with np.load(out / "drawings-0.npz") as file:
        assert len(file.files) == 4
        assert file["random-0/1/32"].shape == (8, 32, 32, *channels)


def test_orders_that_agree_and_that_do_not(module, monkeypatch):
    agreement = module("agreement")
    monkeypatch.setattr(agreement, "DRAWS", 200)
    trained = {arm: (float(place), 0.1) for place, arm in enumerate("abcd")}
    alike = {arm: (10.0 * value, 0.5) for arm, (value, _) in trained.items()}
    one = agreement.agreement(trained, alike, list(trained))
    assert one["kendall"]["value"] == one["spearman"]["value"] == one["pairs_alike"]["value"] == 1
    assert one["clear_pairs"] == 6
    assert one["clear_pairs_apart"] == []
    swapped = {**alike, "c": alike["d"], "d": alike["c"]}
    one = agreement.agreement(trained, swapped, list(trained))
    assert one["kendall"]["value"] == pytest.approx(4 / 6)  # five pairs alike, one not
    assert one["spearman"]["value"] == pytest.approx(0.8)  # 1 - 6 (1 + 1) / (4 (16 - 1))
    assert one["pairs_alike"]["value"] == pytest.approx(5 / 6)
    assert one["clear_pairs_apart"] == [["c", "d"]]


def test_an_order_within_the_errors_has_an_interval_that_says_so(module, monkeypatch):
    agreement = module("agreement")
    monkeypatch.setattr(agreement, "DRAWS", 200)
    trained = {arm: (float(place), 50.0) for place, arm in enumerate("abcd")}
    one = agreement.agreement(trained, trained, list(trained))
    assert one["kendall"]["value"] == 1
    low, high = one["kendall"]["interval_values"]
    assert low < 0 < high
    assert one["clear_pairs"] == 0


def test_pictures_are_alike_up_to_brightness_and_contrast(module):
    agreement = module("agreement")
    pictures = np.random.default_rng(0).integers(0, 128, (5, 8, 8), dtype=np.uint8)
    assert agreement.r2(pictures, 2 * pictures) == pytest.approx(1)
    assert agreement.r2(pictures, np.roll(pictures, 1, axis=0)) < 0.2


def test_simulated_raters_prefer_by_the_model_that_they_are_said_to(module):
    raters = module("raters")
    won, lost, tied = raters.chances(np.array(1.0), np.array(0.0), 1.0)
    assert won + lost + tied == pytest.approx(1)
    careless = raters.CARELESS
    # Davidson: the odds of a win are the ratio of strengths, e; pressing any key evens them out
    assert (won - careless / 3) / (lost - careless / 3) == pytest.approx(np.e)
    looks = {"good": np.full(4, 3.0), "bad": np.full(4, -3.0)}
    assert raters.true_rates(looks)["bad", "good"] < 0.05
    found = raters.repeat(looks, 3)
    assert found["true_order"] == ["good", "bad"]
    assert found["order_found_exactly"] == 1
