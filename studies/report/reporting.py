"""The study's report: one self-contained HTML file, with its figures as JSON beside it."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ... import runs
from ...common.contact_sheet import data_url, square_grid
from ...common.files import replacing
from ...common.images import open_rgb
from ...common.keys import training_key
from ...config import StudySettings
from ...runs import Run, write_bytes, write_json
from .. import comparing
from ..conclusions import BETTER, UNUSABLE, Conclusion, leader
from ..used_settings import reproduce, used
from . import figures, people
from .page import PAGE

TITLES = {
    "held_out": "Compared with held-out images",
    "pool": "Compared with the images that could be trained on",
}
WIDE = 6  # metrics beside one another in a table
PLOTTED = ("precision", "recall", "coverage", "memorized")
TONES = {BETTER: "better", UNUSABLE: "unusable"}


@dataclass(frozen=True)
class Found:
    """What a study's report is about.

    Attributes:
        outcomes: One record per training.
        summary: ``{reference: {arm: {metric: Spread}}}``; the first one ranks the arms.
        conclusion: The answer, by the first reference.
        notes: What else a reader must know: copies, new images, the same encoder twice.
        dataset: Name of the data set.
        images: How many images may be trained on, and how many are held out.
        real: Files of real images to show, held-out ones where there are some.
        people: What people said of the generated images.
    """

    outcomes: Sequence[Mapping[str, Any]]
    summary: Mapping[str, comparing.Summary]
    conclusion: Conclusion
    notes: Sequence[str]
    dataset: str
    images: tuple[int, int]
    real: Sequence[Path] = ()
    people: Sequence[people.People] = ()


def write_report(run: Run, config: StudySettings, found: Found) -> Path:
    """Write ``report.html``, ``report.json`` and the grids into a study's run directory.

    Returns:
        The report's path.
    """
    sheets = write_grids(run, found.outcomes)
    main = next(iter(found.summary))
    body = "\n".join(
        [
            _head(run, config, found),
            people.section(found.people),
            _plots(config, found, main),
            _grids(sheets, found),
            *(_tables(found, against, explain=against == main) for against in found.summary),
            _losses(found),
            _trainings(found),
            _settings(run, config, found),
        ]
    )
    write_json(run.path / "report.json", _as_json(found))
    path = run.path / "report.html"
    title = html.escape(f"{config.name}: {found.conclusion.word} – Curadiff")
    write_bytes(path, PAGE.format(title=title, body=body).encode())
    return path


def write_grids(run: Run, outcomes: Sequence[Mapping[str, Any]]) -> dict[str, Path]:
    """Write a 5x5 grid of every training's first images; return them by cell."""
    folder = run.path / "grids"
    folder.mkdir(exist_ok=True)
    sheets = {}
    for outcome in outcomes:
        key = training_key(outcome["arm"], outcome["seed"])
        sheets[key] = folder / f"{key}.png"
        with replacing(sheets[key]) as part:
            square_grid(drawn(Path(outcome["generated"]))).save(part, "PNG")
    return sheets


def drawn(folder: Path) -> list[Path]:
    """List the images that the record of a folder of drawn images names, and no other file."""
    record = folder / "generated.json"
    count = len(runs.read_json(record)["seeds"]) if record.exists() else 0
    return [path for n in range(count) if (path := folder / f"{n:06d}.png").exists()]


def _head(run: Run, config: StudySettings, found: Found) -> str:
    arms = list(dict.fromkeys(outcome["arm"] for outcome in found.outcomes))
    pool, held_out = found.images
    made = str(run.record.get("created", ""))[:10]
    seeds = len({outcome["seed"] for outcome in found.outcomes})
    size = (
        f"{_many(len(arms), 'arm')} × {_many(seeds, 'seed')} = "
        f"{_many(len(found.outcomes), 'training')}, {pool + held_out:,} images "
        f"({held_out:,} held out)"
    )
    train, draw = config.train, config.generate
    facts = (
        f"Each training: {_steps(config)} steps of batch {train.batch_size} at {train.image_size} "
        f"pixels; {draw.count:,} images drawn by {draw.sampler} in {draw.steps} steps. Selected "
        f"with the encoder {config.embed.encoder}, judged with {config.evaluate.encoder}."
    )
    said = found.conclusion
    notes = "".join(f"<li>{html.escape(note)}</li>" for note in [*said.notes, *found.notes])
    return (
        f"<p class=quiet>Curadiff study <b>{html.escape(config.name)}</b> · {made} · {size}</p>"
        f"<h1>Which images of {html.escape(found.dataset)} should the model be trained on: "
        f"{html.escape(_or(arms))}?</h1>"
        f"<div class='answer {TONES.get(said.word, 'undecided')}'>"
        f"<div class=word>{html.escape(said.word)}</div>"
        f"<p class=text>{html.escape(said.text)}</p>{f'<ul>{notes}</ul>' if notes else ''}</div>"
        f"<p class=quiet>{html.escape(facts)}</p>"
    )


def _plots(config: StudySettings, found: Found, main: str) -> str:
    rows = found.summary[main]
    ranked = comparing.ranked_by(rows)
    wanted = [ranked, *(name for name in PLOTTED if name != ranked)]
    shown = [name for name in wanted if name and any(name in row for row in rows.values())]
    if not shown:
        return ""
    random = next((arm.name for arm in config.arms if arm.method == "random"), None)
    band = (
        f" The gray band spans the seeds of {html.escape(random)}."
        if random and random in rows
        else ""
    )
    return (
        "<h2>Arms and seeds</h2><p class=quiet>A dot is a seed, a bar the mean of an arm; the "
        f"dashed line is what real images score.{band}</p>"
        + figures.dots(
            rows,
            shown,
            order=found.conclusion.order,
            real=comparing.real_scores(found.outcomes, main),
            random=random,
        )
    )


def _tables(found: Found, against: str, *, explain: bool) -> str:
    """The values against one reference, in tables that are narrow enough for paper."""
    rows, real = found.summary[against], comparing.real_scores(found.outcomes, against)
    shown = comparing.columns(rows)
    parts = [_table(found, rows, real, part) for part in (shown[:WIDE], shown[WIDE:]) if part]
    note = f"{comparing.counts_text(found.outcomes, against)} images per value. "
    note += comparing.real_counts_text(found.outcomes, against, real)
    if explain:
        note += (
            " Two seeds are both shown, more as mean ± standard deviation. The last row is what "
            "real images score in place of generated ones; excess is what a distance is above it. "
            "A value is marked where all seeds of an arm are ahead of all others by more than "
            "chance gives. Values of other counts do not compare."
        )
    return f"<h2>{TITLES[against]}</h2>{''.join(parts)}<p class=quiet>{html.escape(note)}</p>"


def _table(
    found: Found,
    rows: comparing.Summary,
    real: Mapping[str, comparing.RealScore],
    shown: Sequence[str],
) -> str:
    arrows = {"lower": "↓", "higher": "↑"}
    head = "".join(
        f"<th title='{comparing.SHOWN[name][1]} is better'>{comparing.SHOWN[name][0]} "
        f"{arrows[comparing.SHOWN[name][1]]}</th>"
        for name in shown
    )
    best = {name: _marked(rows, name, found.conclusion) for name in shown}
    lines = []
    for arm in found.conclusion.order:
        cells = "".join(
            f"<td{' class=best' if best[name] == arm else ''}>{_cell(rows[arm], name)}</td>"
            for name in shown
        )
        seeds = max((told.n for told in rows[arm].values()), default=0)
        lines.append(f"<tr><th>{html.escape(arm)}</th>{cells}<td>{seeds}</td></tr>")
    if any(name in real for name in shown):
        cells = "".join(
            f"<td>{comparing.number(real[name].value) if name in real else '–'}</td>"
            for name in shown
        )
        lines.append(f"<tr class=real><th>{comparing.REAL}</th>{cells}<td></td></tr>")
    return (
        f"<div class=scroll><table><thead><tr><th>arm</th>{head}<th>seeds</th></tr></thead>"
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )


def _cell(row: Mapping[str, comparing.Spread], name: str) -> str:
    told = row.get(name)
    if told is None:
        return "–"
    if name not in comparing.WITH_EXCESS or told.excess is None:
        return str(told)
    return f"{told}<small>excess {comparing.number(told.excess)}</small>"


def _marked(rows: comparing.Summary, name: str, conclusion: Conclusion) -> str | None:
    """Name the arm whose value is marked: ahead beyond chance, and of a usable model."""
    best = leader(rows, name)
    return None if best in conclusion.unusable else best


def _losses(found: Found) -> str:
    curves = {outcome["run"]: _log(Path(outcome["run_path"])) for outcome in found.outcomes}
    arm_of = {outcome["run"]: outcome["arm"] for outcome in found.outcomes}
    return "<h2>Training loss</h2>" + figures.losses(curves, arm_of, found.conclusion.order)


def _log(path: Path) -> list[dict[str, Any]]:
    return Run(path).log() if path.is_dir() else []


def _grids(sheets: Mapping[str, Path], found: Found) -> str:
    seeds = list(dict.fromkeys(outcome["seed"] for outcome in found.outcomes))
    parts = [
        "<h2>What the models draw</h2><p class=quiet>The first 25 images of each training; "
        "the same place in every grid started from the same noise.</p>"
    ]
    if found.real:
        parts.append(
            f"<div class=grids>{_figure(data_url(square_grid(found.real)), 'real images')}</div>"
        )
    for seed in seeds:
        shown = []
        for arm in found.conclusion.order:
            path = sheets.get(training_key(arm, seed))
            if path is not None:
                shown.append(_figure(data_url(open_rgb(path)), f"{arm}, seed {seed}"))
        parts.append(f"<div class=grids>{''.join(shown)}</div>")
    return "".join(parts)


def _figure(url: str, label: str) -> str:
    label = html.escape(label)
    return (
        f"<figure><img src='{url}' alt='25 images of {label}'>"
        f"<figcaption>{label}</figcaption></figure>"
    )


def _trainings(found: Found) -> str:
    lines = "".join(
        f"<tr><th>{html.escape(outcome['run'])}</th><td>{outcome['images']:,}</td>"
        f"<td>{outcome['images_seen']:,}</td><td>{outcome['exposure']:,.0f}×</td>"
        f"<td>{comparing.number(outcome['loss']) if outcome['loss'] else '–'}</td></tr>"
        for outcome in found.outcomes
    )
    return (
        "<h2>Trainings</h2><div class=scroll><table><thead><tr><th>run</th>"
        "<th>training images</th><th>images seen</th><th>each seen</th><th>last loss</th></tr>"
        f"</thead><tbody>{lines}</tbody></table></div><p class=quiet>Equal steps are not equal "
        "epochs: a small training set is seen more often, and seen often enough it is learnt by "
        "heart.</p>"
    )


def _settings(run: Run, config: StudySettings, found: Found) -> str:
    record = run.record
    kept = {
        "data set": f"{found.dataset} ({record.get('dataset_id') or 'id not recorded'})",
        "folder": record.get("source"),
        "encoders": ", ".join(f"{k}: {v}" for k, v in (record.get("encoders") or {}).items()),
        "begun": record.get("created"),
        "version": record.get("version"),
    }
    facts = "".join(
        f"<dt>{name}</dt><dd>{html.escape(str(value))}</dd>"
        for name, value in kept.items()
        if value
    )
    return (
        f"<h2>How it was made</h2><dl>{facts}</dl>"
        f"<p class=quiet>Settings that this study used, as a file for <code>curadiff study "
        f"{html.escape(found.dataset)} --file FILE</code>:</p>"
        f"<pre>{html.escape(reproduce(used(config)))}</pre>"
    )


def _as_json(found: Found) -> dict[str, Any]:
    return {
        "conclusion": asdict(found.conclusion),
        "notes": list(found.notes),
        "people": {one.name: one.results.to_json() for one in found.people},
        "values": {
            against: {
                arm: {name: asdict(told) for name, told in row.items()} for arm, row in rows.items()
            }
            for against, rows in found.summary.items()
        },
        "real": {
            against: {
                name: asdict(told)
                for name, told in comparing.real_scores(found.outcomes, against).items()
            }
            for against in found.summary
        },
    }


def _steps(config: StudySettings) -> str:
    steps = sorted({arm.steps or config.train.steps for arm in config.arms})
    return " or ".join(f"{count:,}" for count in steps)


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def _or(names: Sequence[str]) -> str:
    return " or ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
