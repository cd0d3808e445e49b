"""How a study was made: its data, its versions, and the settings to make it again."""

from __future__ import annotations

import html

from ...config import StudySettings
from ...runs import Run
from ..used_settings import reproduce, used
from .data import ReportData


def settings_section(run: Run, config: StudySettings, data: ReportData) -> str:
    """Return where a study's images and encoders are from, and its settings as a file.

    Args:
        run: The study.
        config: Its settings.
        data: What the report is about.
    """
    record = run.record
    kept = {
        "data set": f"{data.dataset} ({record.get('dataset_id') or 'id not recorded'})",
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
        f"{html.escape(data.dataset)} --file FILE</code>:</p>"
        f"<pre>{html.escape(reproduce(used(config)))}</pre>"
    )
