"""How far a study is: trainings and steps, and a time left that is not a guess."""

from __future__ import annotations

import pytest
from curadiff import runs
from curadiff.config import StudySettings
from curadiff.studies import study_progress

TWO = {"arms": ["full", "random"], "seeds": [0], "draws": 1, "generate": {"count": 10, "steps": 3}}


@pytest.fixture
def clock(monkeypatch):
    """A clock that a test moves."""
    now = [1000.0]
    monkeypatch.setattr(study_progress.time, "monotonic", lambda: now[0])
    return now


def begin(home):
    config = StudySettings(**TWO, train={"steps": 100, "batch_size": 4})
    run = runs.create("study", config.model_dump(mode="json"), name="study")
    lines = []
    meter = study_progress.StudyProgress(run, config, lambda *told: lines.append(told))
    return run, meter, lines


def test_steps_and_trainings_are_counted(home, clock):
    run, meter, lines = begin(home)
    first, second = meter.cells
    meter.say(first, "select and prepare")
    assert lines[-1] == (0, 200, "0 of 2 trainings done; full-s0: select and prepare")
    clock[0] += 1
    meter.train(first, 0, 100)
    clock[0] += 30
    meter.train(first, 50, 100)
    done, total, text = lines[-1]
    assert (done, total) == (50, 200)
    # 600 evaluations took 30 s; there are 600 + 30 and 1,200 + 30 left.
    assert text == "0 of 2 trainings done; full-s0: step 50 of 100; at least 93 s left".replace(
        "93 s", "2 min"
    )
    assert run.status["eta_seconds"] == pytest.approx(30 * (600 + 30 + 1230) / 600)
    clock[0] += 100
    meter.finish(first, 200.0)
    assert lines[-1][0] == 100
    assert lines[-1][2] == "1 of 2 trainings done; full-s0: done; about 3 min left"
    assert run.status["eta_seconds"] == pytest.approx(200)
    clock[0] += 1
    meter.train(second, 100, 100)
    assert lines[-1][0] == 200
    assert run.status["eta_seconds"] == pytest.approx(200 * 30 / 1230, abs=0.1)
    assert "left" in lines[-1][2], "drawing and judging are still to come"
    clock[0] += 1
    meter.draw(second, 5, 10)
    assert "image 5 of 10 drawn" in lines[-1][2]
    meter.finish(second, 200.0)
    assert lines[-1] == (200, 200, "2 of 2 trainings done; random-s0: done")
    status = run.status
    assert (status["trainings_done"], status["trainings"], status["progress"]) == (2, 2, 1.0)


def test_a_study_that_goes_on_knows_its_speed(home, clock):
    _, meter, lines = begin(home)
    meter.finish(meter.cells[0], 60.0)
    assert lines[-1][2].endswith("about 60 s left")
    meter.fail(meter.cells[1])
    assert meter.left == (0.0, False)


def test_a_bar_shows_words_and_no_rate(home, clock, capsys):
    _, meter, _ = begin(home)
    with study_progress.display(True, "study photos") as show:
        meter.show = show
        meter.finish(meter.cells[0], 60.0)
    shown = capsys.readouterr().err
    assert "1 of 2 trainings done" in shown
    lines = [line for line in shown.replace("\r", "\n").splitlines() if line.strip()]
    assert all("| 1 of 2" in line or "| 0 of 2" in line for line in lines), lines
    assert "%/s" not in shown
    assert "1000" not in shown
