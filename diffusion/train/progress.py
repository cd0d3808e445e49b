"""Progress of a training, in status.json and log.jsonl."""

from __future__ import annotations

import json
import os
import time
from typing import Any

from ...common.files import raise_in_words
from ...common.words import plural
from ...runs import Run, write_bytes

SECONDS = 2.0  # between two entries


class Progress:
    """Writes images seen, throughput and time left every two seconds.

    Args:
        run: Where to write.
        step: The step that this process begins at.
        steps: The step that it will end at.
        batch_size: Images per step.
    """

    def __init__(self, run: Run, *, step: int, steps: int, batch_size: int) -> None:
        self.run, self.steps, self.batch_size = run, steps, batch_size
        self.step_before, self.time_before = step, time.monotonic()
        self.rate: float | None = None
        self.remark = ""  # ends the status's message
        self.skipped = 0  # steps of the training whose gradient was not finite

    def due(self) -> bool:
        """Tell whether it is time for the next entry."""
        return time.monotonic() - self.time_before >= SECONDS

    def write(self, step: int, **values: Any) -> None:
        """Write an entry for the steps since the last one."""
        now = time.monotonic()
        done = (step - self.step_before) * self.batch_size
        if done > 0:
            self.rate = done / max(now - self.time_before, 1e-9)
        self.step_before, self.time_before = step, now
        left = (self.steps - step) * self.batch_size
        entry = {
            "step": step,
            "images_seen": step * self.batch_size,
            "images_per_second": self.rate and round(self.rate, 2),
            **values,
        }
        self._append({**entry, "time": round(time.time(), 3)})
        self.run.set_status(
            "running",
            **entry,
            steps=self.steps,
            eta_seconds=self.rate and round(left / self.rate, 1),
            pid=os.getpid(),
            message=f"step {step} of {self.steps}{self.skipped_in_words()}{self.remark}",
        )

    def skipped_in_words(self) -> str:
        """End a message by how many steps were skipped; empty where none was."""
        if not self.skipped:
            return ""
        return (
            f"; {plural(self.skipped, 'step')} skipped, as the gradient was not finite "
            "(where they are many, train anew with a lower learning_rate)"
        )

    def note(self, step: int, **values: Any) -> None:
        """Log values outside the regular entries, such as validation losses."""
        self._append({"step": step, **values, "time": round(time.time(), 3)})

    def _append(self, entry: dict[str, Any]) -> None:
        path = self.run.path / "log.jsonl"
        try:
            with path.open("a", encoding="utf-8") as log:
                log.write(json.dumps(entry) + "\n")
        except OSError as fault:
            raise_in_words(path, fault, path)
            raise

    def rewind(self, step: int) -> None:
        """Remove entries after a step, because training goes on from it."""
        entries = [e for e in self.run.log() if e.get("step", 0) <= step]
        text = "".join(json.dumps(entry) + "\n" for entry in entries)
        write_bytes(self.run.path / "log.jsonl", text.encode())
        self.step_before, self.time_before = step, time.monotonic()
