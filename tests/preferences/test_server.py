"""The page's server: blind, safe against whatever is sent, and no vote lost or doubled."""

import importlib.util
import io
import json
import random
from pathlib import Path

import pytest
from curadiff.common.errors import EnvironmentFault
from curadiff.preferences import results
from curadiff.preferences.server import application
from curadiff.preferences.session import ABANDONED, Refused, Session
from PIL import Image
from starlette.testclient import TestClient

SPEC = importlib.util.spec_from_file_location("memory", Path(__file__).with_name("memory.py"))
memory = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(memory)

ARMS = ("typicality", "random", "coreset")


class Rater:
    """A browser that joined."""

    def __init__(self, client, invite):
        self.client = client
        answer = client.post(f"/join/{invite}", follow_redirects=False)
        assert answer.status_code == 303
        self.token = answer.headers["location"].split("/")[-1]
        self.headers = {"Authorization": f"Bearer {self.token}"}

    def state(self):
        return self.client.get("/state", headers=self.headers).json()

    def vote(self, pair, answer="left", **more):
        body = {"pair": pair, "answer": answer, **more}
        return self.client.post("/vote", json=body, headers=self.headers)

    def undo(self, done):
        return self.client.post("/undo", json={"done": done}, headers=self.headers)


@pytest.fixture
def place(tmp_path):
    rating, invite = memory.study(tmp_path)
    store = memory.MemoryStore(rating)
    app = application(Session(store), hosts=["testserver"], rate=1e9, burst=1e9)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client, store, invite


def test_a_rater_votes_to_the_end_and_the_votes_mean_something(place):
    client, store, invite = place
    rater = Rater(client, invite)
    now = rater.state()
    while now["pairs"]:
        now = rater.vote(now["pairs"][0], "left", seconds=1.5).json()
    assert now["done"] == now["total"] == 20
    assert len(store.votes()) == 20
    assert results(store.votes()).votes == 20
    assert store.votes()[0].seconds == 1.5


def test_an_answer_sent_twice_is_stored_once(place):
    client, store, invite = place
    rater = Rater(client, invite)
    pair = rater.state()["pairs"][0]
    assert rater.vote(pair).status_code == rater.vote(pair).status_code == 200
    assert rater.vote(pair, "right").status_code == 409
    assert [vote.answer for vote in store.votes()] == ["left"]


def test_an_answer_can_be_taken_back_and_given_anew(place):
    client, store, invite = place
    rater = Rater(client, invite)
    pair = rater.state()["pairs"][0]
    rater.vote(pair)
    assert rater.undo(1).json()["pairs"][0] == pair
    assert rater.undo(1).status_code == 200  # the same wish, sent again
    rater.vote(pair, "right")
    assert [(vote.answer, vote.undone) for vote in store.votes()] == [
        ("left", True),
        ("right", False),
    ]
    assert rater.undo(1).status_code == 200
    assert rater.undo(0).status_code == 409
    assert rater.undo(7).status_code == 409


def test_another_process_goes_on_where_the_first_one_was_killed(place):
    client, store, invite = place
    rater = Rater(client, invite)
    for _ in range(5):
        rater.vote(rater.state()["pairs"][0])
    before = rater.state()
    anew = application(Session(store), hosts=["testserver"], rate=1e9, burst=1e9)
    with TestClient(anew) as again:
        rater.client = again
        assert rater.state() == before


def test_a_vote_that_was_stored_but_not_confirmed_is_not_doubled(place):
    """The answer was lost on the way back; another process is asked the same again."""
    client, store, invite = place
    rater = Rater(client, invite)
    pair = rater.state()["pairs"][0]
    stale = Session(store)
    rater.vote(pair)
    stale.vote("rater-1", pair, "left", None)
    assert len(store.votes()) == 1
    assert stale.state("rater-1").done == 1


class Failing(memory.MemoryStore):
    """A database that goes away: each write is done or not, and is never confirmed."""

    fails, writes_first = False, True

    def _break(self, write):
        if not self.fails:
            return write()
        if self.writes_first:
            write()
        raise EnvironmentFault("the database is away")

    def add_assignment(self, assignment):
        self._break(lambda: super(Failing, self).add_assignment(assignment))

    def add_vote(self, vote):
        self._break(lambda: super(Failing, self).add_vote(vote))

    def undo(self, vote):
        self._break(lambda: super(Failing, self).undo(vote))


@pytest.mark.parametrize("writes_first", [True, False])
def test_whatever_was_not_confirmed_is_asked_of_the_store(tmp_path, writes_first):
    rating, invite = memory.study(tmp_path)
    store = Failing(rating)
    store.writes_first = writes_first
    app = application(Session(store), hosts=["testserver"], rate=1e9, burst=1e9)
    with TestClient(app, raise_server_exceptions=False) as client:
        rater = Rater(client, invite)
        store.fails = True
        assert client.get("/state", headers=rater.headers).status_code == 503
        store.fails = False
        pair = rater.state()["pairs"][0]
        for send in (lambda: rater.vote(pair), lambda: rater.undo(1), lambda: rater.vote(pair)):
            store.fails = True
            assert send().status_code == 503
            store.fails = False
            assert send().status_code == 200
        now = rater.state()
        while now["pairs"]:
            now = rater.vote(now["pairs"][0]).json()
    kept = [vote for vote in store.votes() if not vote.undone]
    assert len({vote.assignment for vote in kept}) == len(kept) == 20


def test_a_pair_that_a_killed_database_has_lost_can_be_answered_all_the_same(tmp_path):
    """A pair is shown before it is on the disk, so the last ones may be gone after a crash."""
    rating, invite = memory.study(tmp_path)
    store = memory.MemoryStore(rating)
    session = Session(store)
    rater = session.rater(session.join(invite, most=5))
    shown = [pair.id for pair in session.state(rater).open]
    for pair in shown:
        del store._assignments[pair]
    session.stale = True  # as a failed write leaves it
    session.vote(rater, shown[0], "left", None)
    assert [vote.assignment for vote in store.votes()] == shown[:1]
    assert set(shown) <= {pair.id for pair in store.assignments()}
    assert session.state(rater).open[0].id == shown[1]


def test_pairs_of_a_rater_who_left_go_to_others_and_stay_balanced(place, monkeypatch):
    client, store, invite = place
    first = Rater(client, invite)
    Rater(client, invite)
    left_open = first.state()["pairs"]
    now = [0.0]
    session = Session(store)
    monkeypatch.setattr("curadiff.preferences.session.time.monotonic", lambda: now[0])
    session.state("rater-1")
    now[0] = ABANDONED + 1
    for _ in range(20):
        pair = session.state("rater-2").open[0].id
        session.vote("rater-2", pair, "tie", None)
        counts = session.schedule.counts.values()
        assert max(counts) - min(counts) <= 1
    stored = {one.id for one in store.assignments()}
    assert not stored & set(left_open)
    with pytest.raises(Refused):
        session.vote("rater-1", left_open[0], "left", None)


def test_nothing_tells_the_arm(place):
    client, _, invite = place
    rater = Rater(client, invite)
    answers = [
        client.get(f"/join/{invite}"),
        client.get(f"/rate/{rater.token}"),
        client.get("/assets/rate.js"),
        client.get("/assets/rate.css"),
        client.get("/state", headers=rater.headers),
    ]
    sizes = set()
    for _ in range(8):
        pair = rater.state()["pairs"][0]
        for side in ("left", "right"):
            image = client.get(f"/image/{pair}/{side}", headers=rater.headers)
            answers.append(image)
            with Image.open(io.BytesIO(image.content)) as opened:
                sizes.add((opened.format, opened.size, opened.mode))
                assert opened.info == {}
        answers.append(rater.vote(pair))
    assert sizes == {("PNG", (64, 64), "RGB")}
    names = [*ARMS, "sample-", "/tmp", ".png", "arm"]
    for answer in answers:
        told = str(answer.url) + str(answer.headers) + answer.content.decode("latin-1")
        for name in names:
            if name in ("arm", ".png") and answer.headers["content-type"].startswith("text"):
                continue  # our own words
            assert name not in told.replace("charm", ""), (name, answer.url)


def test_every_answer_has_strict_headers(place):
    client, _, invite = place
    for path in ("/", f"/join/{invite}", "/state", "/assets/rate.js", "/nothing"):
        headers = client.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] == "no-store"
        assert "set-cookie" not in headers
        assert "access-control-allow-origin" not in headers


def test_a_foreign_host_name_is_refused(place):
    client, _, invite = place
    assert client.get(f"/join/{invite}", headers={"Host": "evil.example"}).status_code == 400


def test_one_rater_cannot_use_what_is_anothers(place):
    client, store, invite = place
    one, other = Rater(client, invite), Rater(client, invite)
    pair = one.state()["pairs"][0]
    assert other.vote(pair).status_code == 409
    answer = client.get(f"/image/{pair}/left", headers=other.headers)
    assert answer.status_code == 409
    assert store.votes() == []


def test_a_form_of_another_page_changes_nothing(place):
    """A foreign page can send simple requests only: no header of its own, text or a form."""
    client, store, invite = place
    rater = Rater(client, invite)
    pair = rater.state()["pairs"][0]
    body = json.dumps({"pair": pair, "answer": "left"})
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        with_token = {**rater.headers, "Content-Type": kind}
        assert client.post("/vote", content=body, headers=with_token).status_code == 415
        assert client.post("/vote", content=body, headers={"Content-Type": kind}).status_code == 401
    assert store.votes() == []


def test_too_many_requests_are_slowed_down(tmp_path):
    rating, _ = memory.study(tmp_path)
    app = application(
        Session(memory.MemoryStore(rating)), hosts=["testserver"], rate=0.001, burst=5
    )
    with TestClient(app) as client:
        answers = [client.get("/assets/rate.css").status_code for _ in range(8)]
    assert answers == [200] * 5 + [429] * 3


def test_a_picture_that_is_gone_costs_that_pair_only(place):
    client, store, invite = place
    rater = Rater(client, invite)
    pair = rater.state()["pairs"][0]
    shown = store._assignments[pair]
    path = next(p.path for arm in store.rating().images.values() for p in arm if p.id == shown.left)
    Path(path).unlink()
    assert client.get(f"/image/{pair}/left", headers=rater.headers).status_code == 410
    assert rater.vote(pair, "tie").status_code == 200


def words(generator):
    samples = [
        "", "..", "../../etc/passwd", "%2e%2e%2f", "\x00", "a" * 5000, "left", "null", "-1", "{}",
        "'; drop", "<script>", "\u202e", "typicality", "0", "1e999", "[]", "true", "/", "\\",
        "$where",
    ]  # fmt: skip
    return generator.choice(samples)


def test_whatever_is_sent_changes_nothing_and_gets_a_plain_refusal(place):
    """2,000 requests at every route: wrong methods, types, sizes, tokens, forged and old votes."""
    client, store, invite = place
    generator = random.Random(0)
    rater, other = Rater(client, invite), Rater(client, invite)
    first = rater.state()["pairs"][0]
    rater.vote(first)
    open_pairs, foreign = rater.state()["pairs"], other.state()["pairs"]
    stored = ([*store.votes()], [*store.assignments()], store.raters())
    tokens = [None, "", "Bearer", "Bearer x", f"Basic {rater.token}", f"Bearer {invite}"]
    tokens += [
        f"Bearer {words(generator)!r}",
        f"Bearer {rater.token}x",
        f"Bearer {rater.token[:-1]}",
    ]
    valid = f"Bearer {rater.token}"
    paths = ["/", "/vote", "/undo", "/state", "/rate/", "/join/", "/assets/", "/image/"]
    for number in range(2000):
        path = generator.choice(paths)
        if path.endswith("/"):
            path += "x/".join(words(generator) for _ in range(generator.randint(1, 3)))
            path = path.replace("//", "/")  # a client takes what follows for a host
        method = generator.choice(
            ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "TRACE"]
        )
        good = generator.random() < 0.4
        token = valid if good else generator.choice(tokens)
        headers = {} if token is None else {"Authorization": token.encode("utf-8", "replace")}
        headers["Content-Type"] = generator.choice(["application/json", "text/plain", "x", ""])
        forged = {
            "pair": generator.choice([first, *foreign, words(generator), 3, None]),
            "answer": generator.choice(["right", "both_bad", "center", words(generator), 1, None]),
            "seconds": generator.choice([1, -1, "x", 1e308, None, [], {}]),
            "rater": "rater-2",
        }
        if forged["pair"] == first:
            forged["answer"] = "right"
        body = generator.choice(
            [json.dumps(forged).encode(), b"", b"{", b"[" * 2000, b"x" * 5000, b"\xff\xfe", b"null"]
        )
        if method == "POST" and path == "/undo" and good:
            body = b"["  # a true undo is no attack
        safe = path.replace("\x00", "%00").encode("ascii", "ignore").decode()
        answer = client.request(method, safe, headers=headers, content=body, follow_redirects=False)
        is_read = method in ("GET", "HEAD") and path == "/state" and good
        assert answer.status_code == 200 if is_read else 400 <= answer.status_code < 500, (
            number, method, path, answer.status_code, answer.text[:200],
        )  # fmt: skip
        assert not any(arm in answer.text for arm in ARMS)
    assert stored == ([*store.votes()], [*store.assignments()], store.raters())
    assert rater.state()["pairs"] == open_pairs


def test_golden_pairs_and_repeats_come_through(tmp_path):
    from curadiff.preferences import Golden

    rating, invite = memory.study(
        tmp_path, golden=[Golden("good", "bad")], golden_share=0.2, repeats=0.2
    )
    first = rating.images["random"][0]
    for name in ("good", "bad"):
        rating.golden_pictures.append(type(first)(name, first.path))
    store = memory.MemoryStore(rating)
    app = application(Session(store), hosts=["testserver"], rate=1e9, burst=1e9)
    with TestClient(app) as client:
        rater = Rater(client, invite)
        now = rater.state()
        while now["pairs"]:
            pair = now["pairs"][0]
            image = client.get(f"/image/{pair}/left", headers=rater.headers)
            assert image.status_code == 200
            now = rater.vote(pair).json()
    kinds = [vote.kind for vote in store.votes()]
    assert kinds.count("golden") in (3, 4, 5)
    assert kinds.count("repeat") in (2, 3, 4)
