"""People's votes on images of a data set: from tags to a ranking, through the database."""

from __future__ import annotations

import random

import curadiff
import pytest
from curadiff.cli import main
from curadiff.common.errors import Busy, DataError, SettingsError
from curadiff.datasets import ratings
from curadiff.preferences.session import Session
from curadiff.studies import rating as rating_verbs
from curadiff.studies.report import people


@pytest.fixture
def tagged(dataset):
    """Forty pictures, half tagged typicality, half coreset, two of them golden."""
    ids = dataset.values("id")
    dataset.select(ids[:20]).tag_samples("typicality")
    dataset.select(ids[20:]).tag_samples("coreset")
    dataset.select(ids[:1]).tag_samples("good")
    dataset.select(ids[-1:]).tag_samples("bad")
    yield dataset
    for name in ratings.rating_names():
        ratings.delete_rating(name)


TAGS = {"tags": ["typicality", "coreset"]}


def vote_all(name, raters=4, *, prefer="typicality", share=0.8, seed=0):
    """Raters who prefer an arm in a share of votes answer all their pairs."""
    store = ratings.open_rating(name)
    session = Session(store)
    generator = random.Random(seed)
    link = store.rating().invite
    for _ in range(raters):
        rater = session.rater(session.join(link, most=100))
        while session.state(rater).open:
            pair = session.state(rater).open[0]
            wins = generator.random() < share
            session.vote(
                rater, pair.id, "left" if (pair.left_arm == prefer) == wins else "right", 2
            )


def test_a_known_preference_comes_back(tagged, tmp_path):
    started = curadiff.rate_start(tagged, **TAGS, votes_per_rater=40)
    assert started.arms == {"typicality": 20, "coreset": 20}
    vote_all(started.name)
    found = curadiff.rate_results(started.name)
    assert found.arms == ["typicality", "coreset"]
    assert found.pairs[0].rate == pytest.approx(0.8, abs=0.1)
    status = curadiff.rate_status(started.name)
    assert (status.votes, status.raters, status.finished) == (160, 4, 4)
    for ending in ("csv", "jsonl"):
        path = curadiff.rate_export(started.name, tmp_path / f"votes.{ending}")
        assert curadiff.rate_results(file=path).to_json() == found.to_json()
        assert curadiff.rate_import(f"again-{ending}", path) == 160
        assert curadiff.rate_import(f"again-{ending}", path) == 0  # nothing twice
        assert curadiff.rate_results(f"again-{ending}").to_json() == found.to_json()


def test_a_vote_taken_back_stays_in_the_database_and_does_not_count(tagged):
    name = curadiff.rate_start(tagged, **TAGS).name
    store = ratings.open_rating(name)
    session = Session(store)
    rater = session.rater(session.join(store.rating().invite, most=9))
    pair = session.state(rater).open[0].id
    session.vote(rater, pair, "left", None)
    session.undo(rater, 1)
    session.vote(rater, pair, "tie", None)
    kept = [(vote.answer, vote.undone) for vote in store.votes()]
    assert kept == [("left", True), ("tie", False)]
    assert Session(store).state(rater).done == 1


def test_golden_pairs_come_from_tags(tagged):
    name = curadiff.rate_start(
        tagged, **TAGS, golden_better="good", golden_worse="bad", golden_share=0.3
    ).name
    vote_all(name, 1)
    kinds = [vote.kind for vote in ratings.open_rating(name).votes()]
    assert 16 <= kinds.count("golden") <= 19  # 30 % of 60
    assert curadiff.rate_results(name).raters[0].golden.of == kinds.count("golden")


def test_folders_are_arms_too(photos):
    folders = {"round": photos / "round", "other": photos / "other"}
    name = curadiff.rate_start(folders=folders, name="folders").name
    try:
        assert ratings.open_rating(name).rating().size == 280  # 40 pixels, seven times
    finally:
        ratings.delete_rating(name)


def test_what_cannot_be_asked_is_refused_before_anything_is_stored(tagged):
    for words, options, error in [
        ("two or more arms with images", {"tags": ["typicality", "absent"]}, DataError),
        ("did you mean 'tags'", {"by": "tagz"}, DataError),
        ("needs two or more different", {"tags": ["typicality"]}, SettingsError),
        ("same noise", {**TAGS, "same_noise": True}, DataError),
        ("golden_worse is missing", {**TAGS, "golden_better": "good"}, SettingsError),
        ("no images are tagged", {**TAGS, "golden_better": "x", "golden_worse": "y"}, DataError),
    ]:
        with pytest.raises(error, match=words):
            curadiff.rate_start(tagged, **options)
    assert ratings.rating_names() == []
    curadiff.rate_start(tagged, **TAGS)
    with pytest.raises(DataError, match="exists; choose another name"):
        curadiff.rate_start(tagged, **TAGS)
    with pytest.raises(DataError, match="no votes yet"):
        curadiff.rate_results(tagged.name)
    with pytest.raises(DataError, match="there is no study of people named 'nothing'"):
        curadiff.rate_status("nothing")


def test_one_process_asks_at_a_time(tagged, monkeypatch):
    from curadiff.datasets import locking

    name = curadiff.rate_start(tagged, **TAGS).name
    key = f"rating:{ratings.open_rating(name).key}"
    monkeypatch.setenv("CURADIFF_WAIT", "0")
    with locking.hold(key, "rate serve", what="the study"):
        mark = locking.HELD.set({})  # as another process would find it
        try:
            with pytest.raises(Busy):
                rating_verbs.rate_serve(name)
        finally:
            locking.HELD.reset(mark)


def test_the_shell_does_the_same(tagged, tmp_path, capsys):
    assert main(["rate", "start", tagged.name, "--tags", "typicality", "coreset"]) == 0
    vote_all(tagged.name, 3)
    assert main(["rate", "status"]) == 0
    assert f"{tagged.name}: 180 votes, 3 raters, 3 of them done." in capsys.readouterr().out
    assert main(["rate", "export", tagged.name, str(tmp_path / "v.csv")]) == 0
    assert main(["rate", "results", tagged.name]) == 0
    shown = capsys.readouterr().out
    assert "typicality was preferred to coreset in" in shown
    assert main(["rate", "results", "--file", str(tmp_path / "v.csv"), "--json"]) == 0
    assert '"arm": "typicality"' in capsys.readouterr().out
    assert main(["rate", "results", "nothing"]) == 2


def test_a_report_shows_people_beside_the_metrics(tagged):
    name = curadiff.rate_start(tagged, **TAGS, votes_per_rater=40).name
    assert people.rated_studies(tagged.name, []) == []  # nobody voted yet
    vote_all(name)
    frechet = {"typicality": 10.0, "coreset": 30.0}
    outcomes = [
        {"arm": arm, "values": {"held_out": {"frechet_distance": value}}}
        for arm, value in frechet.items()
    ]
    found = people.rated_studies(tagged.name, outcomes)
    page = people.people_section(found)
    assert "typicality was preferred to coreset in" in page
    assert found[0].agreements[0].tau == 1.0
    assert "too few for any order to be significant" in page
    assert people.rated_studies("another", outcomes) == []
