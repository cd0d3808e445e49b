"""How a study was made: its data, its versions, and the settings to make it again."""

from __future__ import annotations

import html
import shlex
from collections.abc import Mapping
from typing import Any

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
    known = record.get("identity") or {}
    kept = {
        "data set": " ".join([data.dataset, *([f"({known['id']})"] if known.get("id") else [])]),
        "folder": ", ".join(known.get("folders") or [record.get("source") or ""]),
        "encoders": ", ".join(f"{k}: {v}" for k, v in (record.get("encoders") or {}).items()),
        "begun": record.get("created"),
        "versions": _versions(record),
        "command": shlex.join(record.get("command") or []),
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


def _versions(record: Mapping[str, Any]) -> str:
    """Name the code that began a study: ``Curadiff 0.1.0 (1a2b3c), Python 3.11.7, ...``."""
    commit = f" ({record['commit']})" if record.get("commit") else ""
    packages = record.get("packages") or {}
    named = {
        "Curadiff": f"{record.get('curadiff') or ''}{commit}".strip(),
        "Python": record.get("python"),
        **packages,
    }
    return ", ".join(f"{name} {version}" for name, version in named.items() if version)
