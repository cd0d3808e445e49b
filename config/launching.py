"""How many processes share a work, and the flags of ``accelerate launch`` that say where.

They say on which machines and devices it runs. Flags that name another program, module or
script (``--no_python``, ``-m``) are none of them, and neither is a word without a flag.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

from ..common.errors import nearest
from .base import setting

MOST_PROCESSES = 64  # on one machine, one per GPU: a wrong number must not fill it
_COUNT = (r"\d{1,6}", "a whole number")
_NAME = (r"\w[\w.-]*", "a name")

LAUNCH_FLAGS: dict[str, tuple[str, str] | None] = {
    "cpu": None,
    "multi_gpu": None,
    "same_network": None,
    "enable_cpu_affinity": None,
    "debug": None,
    "num_processes": _COUNT,
    "num_machines": _COUNT,
    "num_cpu_threads_per_process": _COUNT,
    "machine_rank": _COUNT,
    "main_process_ip": (r"[\w.:-]*\w", "an address or the name of a host"),
    "main_process_port": _COUNT,
    "gpu_ids": (r"all|\d+(,\d+)*", "all, or numbers with commas between them"),
    "mixed_precision": (r"no|fp16|bf16", "no, fp16 or bf16"),
    "rdzv_backend": _NAME,
    "rdzv_conf": (r"\w+=[\w.:-]+(,\w+=[\w.:-]+)*", "KEY=VALUE, with commas between several"),
    "max_restarts": _COUNT,
    "monitor_interval": (r"\d+(\.\d+)?", "a number of seconds"),
    "role": _NAME,
    "config_file": (r"[^-].*", "a file that accelerate config made"),
}
"""Each flag's name and, where it takes a value, the pattern of that value and its meaning."""


def processes_setting(what: str) -> Any:
    """Declare the setting ``processes``; ``what`` says what they do."""
    return setting(1, f"Processes to {what}, one per GPU.", ge=1, le=MOST_PROCESSES, advanced=True)


def accelerate_setting(what: str) -> Any:
    """Declare the setting ``accelerate``; its model checks it with `known_flags`."""
    return setting(
        "",
        f"Flags of accelerate launch that say on which GPUs and machines to {what}.",
        advanced=True,
        owner_only="runs code",
    )


def known_flags(text: str) -> str:
    """Return flags as they are where `launch_flags` can read them."""
    launch_flags(text)
    return text


def launch_flags(text: str) -> dict[str, str | None]:
    """Read flags for ``accelerate launch``: each flag with its value, None where it takes none.

    Args:
        text: As on a command line; ``--num-processes 2`` and ``--num_processes=2`` mean the same.

    Raises:
        ValueError: A flag is unknown, or its value is missing or not of its kind.
    """
    try:
        words = shlex.split(text)
    except ValueError as fault:
        raise ValueError(f"accelerate cannot be read: {fault}, got {text!r}.") from None
    flags: dict[str, str | None] = {}
    while words:
        given = words.pop(0)
        flag, equals, value = given.partition("=")
        name = flag.removeprefix("--").replace("-", "_")
        if not flag.startswith("--") or name not in LAUNCH_FLAGS:
            known = [f"--{one}" for one in LAUNCH_FLAGS]
            near = nearest(f"--{name}", known)
            raise ValueError(f"accelerate takes no {flag!r}{near} (flags: {', '.join(known)}).")
        kind = LAUNCH_FLAGS[name]
        if kind is None:
            if equals:
                raise ValueError(f"accelerate: --{name} takes no value, got {value!r}.")
            flags[name] = None
            continue
        pattern, meaning = kind
        if not equals:
            value = words.pop(0) if words else ""
        if not re.fullmatch(pattern, value, re.ASCII):
            raise ValueError(f"accelerate: --{name} must be {meaning}, got {value!r}.")
        flags[name] = value
    machines = int(flags.get("num_machines") or 1)
    if int(flags.get("num_processes") or 1) > MOST_PROCESSES * machines:
        raise ValueError(
            f"accelerate: --num_processes must be <= {MOST_PROCESSES} per machine, got "
            f"{flags['num_processes']}."
        )
    return flags


def launch_words(text: str) -> list[str]:
    """Write flags that `launch_flags` can read as words of a command line.

    The configuration file is looked for in the current folder, which is not the one that the
    launched process begins in.
    """
    flags = launch_flags(text)
    if (file := flags.get("config_file")) is not None:
        flags["config_file"] = str(Path(file).expanduser().absolute())
    return [f"--{name}" if value is None else f"--{name}={value}" for name, value in flags.items()]
