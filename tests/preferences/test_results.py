"""A known preference comes back, with honest intervals and plain sentences."""

import dataclasses

import numpy as np
import pytest
from curadiff.common.errors import DataError
from curadiff.common.statistics import holm
from curadiff.preferences import Vote, read_votes, results, votes_of_rankings, write_votes
from curadiff.preferences.against_metrics import agreement_with, predicts_votes
from curadiff.preferences.agreement import krippendorff_alpha
from curadiff.preferences.comparisons import comparisons
from curadiff.preferences.reliability import reliability
from curadiff.preferences.votes import effective

TRUE = {"typicality": 0.8, "random": 0.0, "coreset": -0.8}


def test_a_known_order_comes_back(simulate):
    found = results(simulate(TRUE, count=1500, raters=12, nu=0.5))
    assert found.arms == ["typicality", "random", "coreset"]
    assert [(rank.best, rank.worst) for rank in found.ranking] == [(1, 1), (2, 2), (3, 3)]
    assert found.nu == pytest.approx(0.5, abs=0.1)
    best = next(p for p in found.pairs if {p.first, p.second} == {"typicality", "coreset"})
    assert str(best).startswith("typicality was preferred to coreset in ")
    assert f"of {best.votes} votes by 12 raters" in str(best)


def test_arms_drawn_alike_are_told_apart_in_few_studies(simulate):
    """Raters differ; at 5 % over all pairs, 40 studies give more than 6 by chance in 1 of 100."""
    equal = dict.fromkeys(TRUE, 0.0)
    wrong = 0
    for seed in range(40):
        found = results(simulate(equal, count=400, raters=10, rater_spread=0.4, seed=seed))
        wrong += any(one.told_apart for one in found.compared)
    assert wrong <= 6


def test_rank_intervals_hold_the_true_rank(simulate):
    true = {"a": 0.25, "b": 0.2, "c": 0.0, "d": -0.3}
    held = 0
    for seed in range(30):
        found = results(simulate(true, count=600, raters=12, rater_spread=0.3, seed=seed))
        held += all(r.best <= 1 + "abcd".index(r.arm) <= r.worst for r in found.ranking)
    assert held >= 27


def test_both_are_bad_counts_as_a_tie_and_is_said(simulate):
    votes = simulate(TRUE, count=300, raters=6, nu=0.5)
    ties = [vote for vote in votes if vote.answer == "tie"]
    called_bad = {vote.id for vote in ties[::2]}
    changed = [
        dataclasses.replace(vote, answer="both_bad") if vote.id in called_bad else vote
        for vote in votes
    ]
    before, after = results(votes), results(changed)
    np.testing.assert_array_equal(before.strengths.log_strength, after.strengths.log_strength)
    assert [pair.ties for pair in before.pairs] == [pair.ties for pair in after.pairs]
    assert [pair.rate for pair in before.pairs] == [pair.rate for pair in after.pairs]
    assert before.alpha == after.alpha
    assert sum(pair.both_bad for pair in before.pairs) == 0
    assert sum(pair.both_bad for pair in after.pairs) == len(called_bad) > 0
    assert "Both images were called bad" not in str(before)
    assert str(after).count("these count as ties") == sum(p.both_bad > 0 for p in after.pairs)


def test_few_votes_leave_ranks_open(simulate):
    found = results(simulate(TRUE, count=30, raters=5, nu=0.3))
    assert any(rank.best < rank.worst for rank in found.ranking)
    assert "cannot be told apart" in str(found)


def test_few_votes_say_how_little_is_known_and_many_do_not(simulate):
    few = results([Vote("0", "r0", "0", "i", "j", "a", "b", "left")])
    assert few.sentences[0] == "1 vote by 1 rater on 2 arms."
    assert few.sentences[1].startswith("Few votes, so little is known")
    # Fleiss, Levin & Paik: ((1.96 * .5 + .8416 * sqrt(.65 * .35)) / .15) ** 2 = 84.8
    assert few.sentences[1].endswith(
        "one has 1 without a tie, and telling a preference of 65% from chance takes about 85."
    )
    assert "of 1 vote by 1 rater" in few.sentences[2]
    equal = dict.fromkeys(TRUE, 0.0)
    many = results(simulate(equal, count=1500, raters=30, nu=0.1))
    assert "cannot be told apart" in str(many)
    assert "Few votes" not in str(many)


def test_an_interval_beside_an_even_split_that_is_no_finding_says_why(simulate):
    pair = results(simulate(TRUE, count=300, raters=6, nu=0.5)).pairs[0]
    kept = {"rate": 0.79, "by_rater": (0.52, 0.93)}
    assert "this pair alone" in str(dataclasses.replace(pair, **kept, p_adjusted=0.2))
    assert "this pair alone" not in str(dataclasses.replace(pair, **kept, p_adjusted=0.01))


def test_a_sweep_gives_win_rates_and_says_why_there_is_no_ranking():
    votes = [Vote(f"{n}", f"r{n % 3}", f"{n}", "i", "j", "a", "b", "left") for n in range(9)]
    found = results(votes)
    assert found.ranking == []
    assert "a never lost a vote against b" in str(found)
    assert found.pairs[0].rate == 1.0
    assert found.pairs[0].interval[0] < 1
    assert not found.pairs[0].told_apart  # 9 votes of 3 raters


def test_a_clear_preference_without_a_loss_is_told():
    votes = [
        Vote(f"{n}", f"r{n % 6}", f"{n}", "i", "j", "a", "b", "tie" if n % 4 == 3 else "left")
        for n in range(120)
    ]
    assert "a was preferred to b in" in str(results(votes))


def test_no_votes_is_a_sentence():
    with pytest.raises(DataError, match="no votes yet"):
        results([])


def test_taken_back_votes_do_not_count_and_the_last_answer_does():
    first = Vote("1", "r", "a1", "i", "j", "a", "b", "left", at=1)
    undone = Vote("2", "r", "a2", "i", "j", "a", "b", "left", at=2, undone=True)
    changed = Vote("3", "r", "a1", "i", "j", "a", "b", "right", at=3)
    assert [vote.id for vote in effective([changed, undone, first])] == ["3"]


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_votes_survive_a_file_exactly(simulate, tmp_path, ending):
    votes = simulate(TRUE, count=60, raters=4, nu=0.4)
    votes.append(Vote("x", "r1", "a3", "i", "j", "random", "coreset", "tie", undone=True, at=99.5))
    write_votes(votes, tmp_path / f"votes.{ending}")
    assert read_votes(tmp_path / f"votes.{ending}") == votes


def test_another_tools_table_is_read_with_its_columns_named(tmp_path):
    (tmp_path / "arena.csv").write_text(
        "model_a,model_b,winner,judge\nx,y,model_a,j1\nx,y,tie (bothbad),j2\ny,x,y,j1\n"
    )
    names = {"left_arm": "model_a", "right_arm": "model_b", "answer": "winner", "rater": "judge"}
    votes = read_votes(tmp_path / "arena.csv", columns=names)
    assert [vote.answer for vote in votes] == ["left", "both_bad", "left"]
    assert [vote.rater for vote in votes] == ["j1", "j2", "j1"]
    with pytest.raises(DataError, match="has no column 'answer'"):
        read_votes(tmp_path / "arena.csv")


def test_a_bad_row_is_named(tmp_path):
    (tmp_path / "v.csv").write_text("left_arm,right_arm,answer\nx,y,left\nx,y,purple\n")
    with pytest.raises(DataError, match=r"row 2 of v\.csv.*purple"):
        read_votes(tmp_path / "v.csv")


def test_rankings_become_votes_on_their_pairs():
    votes = votes_of_rankings([[["a"], ["b", "c"]], [["b"], ["a"], ["c"]]])
    table = comparisons(votes)
    assert table.wins.tolist() == [[0, 1, 2], [1, 0, 1], [0, 0, 0]]
    assert table.ties[1, 2] == 1


def test_holm_agrees_with_statsmodels():
    multitest = pytest.importorskip("statsmodels.stats.multitest")
    p = np.random.default_rng(0).random(12) ** 3
    assert holm(list(p)) == pytest.approx(multitest.multipletests(p, method="holm")[1])


def test_alpha_of_krippendorffs_worked_example():
    """Krippendorff 2011: four observers, twelve units, nominal alpha 0.743."""
    rows = ["123321412...", "123322412" + "5.3", ".33323422" + "51.", "123324412" + "51."]
    units = [[row[unit] for row in rows if row[unit] != "."] for unit in range(12)]
    assert krippendorff_alpha(units) == pytest.approx(0.743, abs=5e-4)


def test_alpha_is_one_for_full_agreement_and_unknown_without_a_second_answer():
    assert krippendorff_alpha([["x", "x"], ["y", "y", "y"]]) == 1.0
    assert krippendorff_alpha([["x"], ["y"]]) is None


def test_raters_who_answer_reversed_are_seen_and_the_order_holds(simulate):
    flip = {"left": "right", "right": "left"}
    votes = [
        dataclasses.replace(vote, answer=flip[vote.answer]) if vote.rater in ("r0", "r1") else vote
        for vote in simulate(TRUE, count=1500, raters=8, seed=4)
    ]
    found = reliability(comparisons(votes))
    assert max(found.eta[:2]) < 0.5 < min(found.eta[2:])
    order = [found.arms[row] for row in np.argsort(-found.log_strength)]
    assert order == ["typicality", "random", "coreset"]


def test_four_arms_cannot_agree_significantly(simulate):
    true = {"a": 1.5, "b": 0.5, "c": -0.5, "d": -1.5}
    found = results(simulate(true, count=1200, raters=10))
    frechet = {"a": 10.0, "b": 12.0, "c": 30.0, "d": 50.0}
    agrees = agreement_with(found, metric="frechet", values=frechet, higher_is_better=False)
    assert agrees.tau == 1.0
    assert agrees.p_value == pytest.approx(2 / 24)
    assert agrees.pair_accuracy == 1.0
    assert "too few for any order to be significant" in str(agrees)


def test_the_tau_and_its_p_agree_with_scipy():
    stats = pytest.importorskip("scipy.stats")
    from curadiff.preferences.against_metrics import _tau_b, _tau_p

    random = np.random.default_rng(5)
    x, y = random.random(6), random.random(6)
    expected = stats.kendalltau(x, y, method="exact")
    assert _tau_b(x, y) == pytest.approx(expected.statistic)
    assert _tau_p(x, y) == pytest.approx(expected.pvalue)


def test_a_value_that_decides_votes_predicts_them(simulate):
    roc = pytest.importorskip("sklearn.metrics").roc_auc_score
    votes = simulate(TRUE, count=300, raters=6, seed=2)
    random = np.random.default_rng(0)
    quality = {
        image: TRUE[image.split("-")[0]] + random.normal()
        for vote in votes
        for image in (vote.left, vote.right)
    }
    found = predicts_votes(votes, quality)
    gaps = [quality[vote.left] - quality[vote.right] for vote in votes]
    assert found.auc == pytest.approx(roc([vote.answer == "left" for vote in votes], gaps))
    assert found.interval[0] < found.auc < found.interval[1]
