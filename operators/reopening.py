"""Open a form again that could not be carried out, with the sentence and what was typed.

The browser closes a form once it has asked what its operator returned, whichever form is
open by then: one that is opened again before that is closed unseen. So the answer carries
the name of the attempt, and `ReopenForm` waits until the browser has asked for it.
"""

from __future__ import annotations

import threading
import time
import uuid
from typing import Any

import fiftyone.operators as foo
from fiftyone.operators import types

from .follow_jobs import URI, open_again

ATTEMPT = "attempt"
"""Name of the value of a result that names the attempt."""
PATIENCE = 5.0  # seconds to wait for a browser that asks for no output
PAUSE = 0.5  # seconds that the browser has to close the form

_answered: dict[str, threading.Event] = {}


def reopen(ctx: Any, operator: str, given: dict[str, Any], error: str) -> dict[str, str]:
    """Open a form again once it is closed; return the result of the attempt that failed.

    Args:
        ctx: The context in which the operator of the form is executed.
        operator: Its name.
        given: The form's values.
        error: Why they could not be carried out.
    """
    attempt = uuid.uuid4().hex
    _answered[attempt] = threading.Event()
    params = {"operator": operator, "given": given, "error": error, ATTEMPT: attempt}
    ctx.trigger(f"{URI}/reopen_form", params)
    return {"error": error, ATTEMPT: attempt}


def note_answered(results: Any) -> None:
    """Note that the browser has asked for the output of an attempt, and closes its form."""
    attempt = (results or {}).get(ATTEMPT)
    if attempt in _answered:
        _answered[attempt].set()


class ReopenForm(foo.Operator):
    """Wait until a form is closed, then open it again."""

    @property
    def config(self) -> foo.OperatorConfig:
        """Called by the operators whose form it is, not listed."""
        return foo.OperatorConfig(
            name="reopen_form",
            label="Curadiff: Open a form again",
            description="Open a form again that could not be carried out.",
            unlisted=True,
            risk_level=types.RiskLevel.LOW,
        )

    def execute(self, ctx: Any) -> None:
        """Open the form with what was given and why that could not be done."""
        answered = _answered.get(ctx.params[ATTEMPT])
        if answered is not None:
            answered.wait(PATIENCE)
            del _answered[ctx.params[ATTEMPT]]
        time.sleep(PAUSE)
        open_again(ctx, ctx.params["operator"], ctx.params["given"], ctx.params["error"])
