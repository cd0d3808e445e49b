"""How the steps of the pipeline look in the panel: a card each."""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import quote

from fiftyone.operators import types

from .. import runs
from ..api.comparing import number
from ..api.estimating import duration
from ..api.overview import Overview, active
from ..runs import Run
from .models import can_resume, has_model


def draw(page: types.Object, seen: Overview, panel: Any) -> None:
    """Add every step's card, and above them what to do next."""
    text(page, f"**{seen.dataset}**, {_many(seen.images, 'image')}")
    if seen.source:
        _of_generated(page, seen, panel)
        return
    title, why, _ = next_step(seen)
    page.view("next", types.AlertView(severity="info", label=title, description=why))
    for add in (_embeddings, _selections, _trainings, _generated, _evaluations, _studies):
        add(page, seen, panel)


def _of_generated(page: types.Object, seen: Overview, panel: Any) -> None:
    """Show what can be done with generated images: judge them, go back to the real ones."""
    row = _row(page, f"These images were generated from **{seen.source}**.")
    for run in seen.studies:
        if seen.dataset == f"{seen.source}-{run.id}":
            button(row, "Compare the arms", panel.open_study, study=run.id)
    button(row, "Open the real images", panel.open_dataset, name=seen.source)
    _evaluations(page, seen, panel)


def next_step(seen: Overview) -> tuple[str, str, str]:
    """Say what to do next, why, and by which operator (none: ``""``)."""
    if seen.images == 0:
        return "Next: import images", "This data set is empty.", "import_images"
    if active([*seen.jobs, *seen.trainings, *seen.studies]):
        return "At work", "You may close the App: what runs goes on, and is shown here again.", ""
    if not seen.embeddings:
        why = (
            "Vectors that say which images look alike; choosing works on them. The encoder "
            "“builtin” needs no download."
        )
        return "Next: compute embeddings", why, "compute_embeddings"
    if not seen.selections:
        why = "Choose a method and how many images to keep."
        return "Next: select training images", why, "select_samples"
    if not seen.trainings and not seen.studies:
        why = "A study trains one model per way of choosing and compares them."
        return "Next: train a model, or run a study", why, "train_diffusion"
    if not seen.generated:
        return "Next: generate images", "Draw images from a trained model.", "generate_samples"
    if not seen.evaluations and not seen.studies:
        why = "Compare the generated images with the real ones."
        return "Next: evaluate", why, "evaluate_generated"
    return "All steps are done", "Select in another way and compare, or run a study.", "run_study"


def _embeddings(page: types.Object, seen: Overview, panel: Any) -> None:
    card = _card(page, seen, "Embeddings", "compute_embeddings", "Compute", panel)
    for told in seen.embeddings:
        missing = seen.images - told["done"]
        state = "complete" if not missing else f"{missing:,} missing"
        row = _row(card, f"`{told['field']}`  {_many(told['done'], 'image')}, {state}")
        button(row, "Map", panel.open_map, field=told["field"])
    _jobs(card, seen, "embed", panel)
    _empty(card, seen.embeddings, "No embeddings yet.")


def _selections(page: types.Object, seen: Overview, panel: Any) -> None:
    card = _card(page, seen, "Selections", "select_samples", "Select", panel)
    for config in seen.selections:
        flagged = config.get("flagged")
        outliers = f", {_many(flagged, 'outlier')} in the pool" if flagged else ""
        row = _row(
            card,
            f"**{config['name']}**  {config['count']:,} of {config['pool_size']:,} by "
            f"{config['selection_method']}{outliers}",
        )
        button(row, "Show", panel.open_selection, name=config["name"])
        button(
            row,
            "Train",
            panel.open_form,
            operator="train_diffusion",
            given={"selection": config["name"]},
        )
    _empty(card, seen.selections, "No selection yet.")


def _trainings(page: types.Object, seen: Overview, panel: Any) -> None:
    card = _card(page, seen, "Trainings", "train_diffusion", "Train", panel)
    for run in reversed(seen.trainings):
        _training(card, run, seen.trainings, panel)
    _empty(card, seen.trainings, "No model yet.")


def _training(card: types.Object, run: Run, trainings: list[Run], panel: Any) -> None:
    from . import live  # it draws with what stands here

    status, record = run.status, run.record
    state, step = status["state"], status.get("step", 0)
    steps = run.settings["steps"]
    row = _row(card, f"**{run.id}**  {record.get('arm')}, {state}, step {step:,} of {steps:,}")
    if state in runs.ACTIVE:
        button(row, "Stop", panel.stop, run=run.id)
    elif can_resume(run):
        button(row, "Resume", panel.resume, run=run.id)
    if has_model(run):
        button(
            row,
            "Generate",
            panel.open_form,
            operator="generate_samples",
            given={"run": run.id},
        )
    if live.is_shown(run, trainings):
        live.draw(card, run)


def _generated(page: types.Object, seen: Overview, panel: Any) -> None:
    card = _card(page, seen, "Generated images", "generate_samples", "Generate", panel)
    for told in seen.generated:
        row = _row(card, f"**{told['name']}**  {_many(told['images'], 'image')}")
        button(row, "Open", panel.open_dataset, name=told["name"])
    _jobs(card, seen, "generate", panel)
    _empty(card, seen.generated, "No generated images yet.")


def _evaluations(page: types.Object, seen: Overview, panel: Any) -> None:
    card = _card(page, seen, "Evaluations", "evaluate_generated", "Evaluate", panel)
    for told in seen.evaluations:
        values = told["values"]["values"] if "values" in told["values"] else told["values"]
        parts = []
        for name in ("frechet_distance", "precision", "recall", "coverage"):
            value = values.get(name)
            value = value.get("value") if isinstance(value, dict) else value
            if value is not None:
                parts.append(f"{name.replace('_', ' ')} {number(value)}")
        text(
            card,
            f"**{told['key']}** of {told['dataset']}  {', '.join(parts)} "
            f"({told['n_generated']:,} generated, {told['n_reference']:,} real)",
        )
    _jobs(card, seen, "evaluate", panel)
    _empty(card, seen.evaluations, "Nothing evaluated yet.")


def _studies(page: types.Object, seen: Overview, panel: Any) -> None:
    card = _card(page, seen, "Studies", "run_study", "Run a study", panel)
    for run in reversed(seen.studies):
        status = run.status
        row = _row(card, f"**{run.id}**  {status['state']}")
        if status.get("report"):
            link(row, "Report", status["report"])
        button(row, "Compare", panel.open_study, study=run.id)
        if status["state"] in runs.ACTIVE and isinstance(status.get("progress"), float):
            bar(card, status["progress"], status.get("message", ""))
    _jobs(card, seen, "study", panel)
    _empty(card, seen.studies, "No study yet.")


def _jobs(card: types.Object, seen: Overview, verb: str, panel: Any) -> None:
    """Show the newest job of a verb while it says something that the results do not."""
    mine = [run for run in seen.jobs if run.record.get("verb") == verb]
    if not mine or mine[-1].status["state"] == "finished":
        return
    run, status = mine[-1], mine[-1].status
    row = _row(card, f"{run.id}: {status['state']}")
    if status["state"] in runs.ACTIVE:
        button(row, "Stop", panel.stop, run=run.id)
        if status.get("total"):
            bar(card, status.get("done", 0) / status["total"], progress(status))
    else:
        button(row, "Resume", panel.resume, run=run.id)
        if status.get("error"):
            card.view(_name(run.id, "error"), types.Error(label=status["error"]))


def _card(
    page: types.Object, seen: Overview, title: str, operator: str, does: str, panel: Any
) -> types.Object:
    """Add a step's card, with its button."""
    card = page.v_stack(_name("card", title), variant="outline", gap=1, pad=2, align_x="stretch")
    variant = "contained" if operator == next_step(seen)[2] else "outlined"
    head = card.h_stack("head", align_x="space-between", align_y="center")
    head.view("title", types.HeaderView(label=f"**{title}**"))
    button(head, does, panel.open_form, variant=variant, operator=operator)
    return card


def _row(card: types.Object, markdown: str) -> types.Object:
    """Add a row with text at its left end; return where its buttons go, at the right end."""
    row = card.h_stack(
        f"row{len(card.properties)}", gap=2, align_x="space-between", align_y="center"
    )
    text(row, markdown)
    return row.h_stack("buttons", gap=1, align_x="end", align_y="center")


def text(where: types.Object, markdown: str) -> None:
    """Add text; named after what it says, so that the App never keeps an older one."""
    where.md(markdown, name=_name("text", str(len(where.properties)), markdown))


def button(
    where: types.Object, label: str, on_click: Any, *, variant: str = "outlined", **params: Any
) -> None:
    """Add a button that calls a method of the panel."""
    name = _name("button", label, str(sorted(params.items())))
    where.btn(name, label=label, on_click=on_click, params=params, variant=variant)


def image(where: types.Object, path: Any, alt: str, **size: str) -> None:
    """Show a picture of a run."""
    fit = {"item": {"sx": {"width": "100%" if "width" in size else "auto"}}}
    view = types.ImageView(alt=alt, componentsProps=fit, **size)
    where.str(_name("image", str(path)), default=media(path), view=view)


def link(where: types.Object, label: str, path: Any) -> None:
    """Add a button that opens a file of a run in a tab of its own."""
    name = _name("link", str(path))
    beside = {"button": {"target": "_blank", "rel": "noopener noreferrer"}}  # keep the App open
    where.btn(name, label=label, href=media(path), variant="outlined", componentsProps=beside)


def flexible(width: int) -> dict[str, Any]:
    """Let something in a wrapping row grow, and shrink to ``width`` pixels before it wraps."""
    return {"item": {"sx": {"flex": f"1 1 {width}px", "width": "auto", "minWidth": 0, "pb": 3}}}


def media(path: Any) -> str:
    """Return the address at which the App serves a file."""
    return f"/media?filepath={quote(str(path))}"


def bar(where: types.Object, share: float, says: str) -> None:
    """Add a progress bar."""
    where.float(
        f"bar{len(where.properties)}",
        default=round(share, 3),
        view=types.ProgressView(label=says),
    )


def progress(status: dict[str, Any]) -> str:
    """Say how far work is, and how long it will take."""
    said = status.get("message", "")
    eta = status.get("eta_seconds")
    return f"{said}, about {duration(eta)} left" if eta else said


def _empty(card: types.Object, found: Any, sentence: str) -> None:
    if not found and len(card.properties) == 1:
        text(card, sentence)


def _many(n: int, what: str) -> str:
    return f"{n:,} {what}" if n == 1 else f"{n:,} {what}s"


def _name(*parts: str) -> str:
    digest = hashlib.sha1("\0".join(parts).encode(), usedforsecurity=False).hexdigest()[:10]
    return f"{parts[0].lower().replace('-', '_').replace(' ', '_')}_{digest}"
