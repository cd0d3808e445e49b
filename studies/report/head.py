"""The first lines of the report: the question, and the answer with its certainty."""

from __future__ import annotations

import html
from collections.abc import Sequence

from ...config import StudySettings
from ...runs import Run
from ..conclusions import BETTER, UNUSABLE
from .data import ReportData

TONES = {BETTER: "better", UNUSABLE: "unusable"}


def answer_section(run: Run, config: StudySettings, data: ReportData) -> str:
    """Return the question, the answer and what the answer rests on.

    Args:
        run: The study.
        config: Its settings.
        data: What the report is about.
    """
    arms = list(dict.fromkeys(outcome["arm"] for outcome in data.outcomes))
    pool, held_out = data.images
    made = str(run.record.get("created", ""))[:10]
    seeds = len({outcome["seed"] for outcome in data.outcomes})
    size = (
        f"{_counted(len(arms), 'arm')} × {_counted(seeds, 'seed')} = "
        f"{_counted(len(data.outcomes), 'training')}, {pool + held_out:,} images "
        f"({held_out:,} held out)"
    )
    train, draw = config.train, config.generate
    facts = (
        f"Each training: {_steps(config)} steps of batch {train.batch_size} at {train.image_size} "
        f"pixels; {draw.count:,} images drawn by {draw.sampler} in {draw.steps} steps. Selected "
        f"with the encoder {config.embed.encoder}, judged with {config.evaluate.encoder}."
    )
    conclusion = data.conclusion
    notes = "".join(f"<li>{html.escape(note)}</li>" for note in [*conclusion.notes, *data.notes])
    return (
        f"<p class=quiet>Curadiff study <b>{html.escape(config.name)}</b> · {made} · {size}</p>"
        f"<h1>Which images of {html.escape(data.dataset)} should the model be trained on: "
        f"{html.escape(_listed(arms))}?</h1>"
        f"<div class='answer {TONES.get(conclusion.word, 'undecided')}'>"
        f"<div class=word>{html.escape(conclusion.word)}</div>"
        f"<p class=text>{html.escape(conclusion.below_word)}</p>"
        f"{f'<ul>{notes}</ul>' if notes else ''}</div>"
        f"<p class=quiet>{html.escape(facts)}</p>"
    )


def _steps(config: StudySettings) -> str:
    steps = sorted({arm.steps or config.train.steps for arm in config.arms})
    return " or ".join(f"{count:,}" for count in steps)


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _listed(names: Sequence[str]) -> str:
    return " or ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
