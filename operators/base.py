"""What all operators share: a form from the settings, one call, one message.

In the App an operator shows its form, checks it while it is filled in, and starts
the work. From Python it is called: ``operator(view, budget=100)`` does the same as
the function of that name in ``curadiff`` and returns what that returns.
"""

from __future__ import annotations

import json
from typing import Any, ClassVar

import fiftyone.operators as foo
from fiftyone.operators import types

from .. import runs
from ..common.errors import CuradiffError, RequestRefused
from ..config import Settings
from ..datasets.database import lost_in_words
from ..jobs import jobs
from ..runs import Run
from . import following, forms
from .access import CHECKED

URI = following.URI
FAULT = "fault"
"""Name of the value of a form that says why it is open again."""


class Doorway(foo.Operator):
    """Base of the operators.

    Attributes:
        title: What its form is headed with.
        about: One sentence under it.
        button: What the button that starts it says.
        icon: Name of its icon.
        model: Its settings; None for operators without.
        risk: What an agent should know before calling it.
        delegates: May be handed to ``fiftyone delegated launch``.
    """

    slug: ClassVar[str]
    title: ClassVar[str]
    about: ClassVar[str]
    button: ClassVar[str] = "Start"
    icon: ClassVar[str] = "science"
    model: ClassVar[type[Settings] | None] = None
    risk: ClassVar[types.RiskLevel] = types.RiskLevel.MEDIUM
    delegates: ClassVar[bool] = False

    @property
    def config(self) -> foo.OperatorConfig:
        """How FiftyOne lists and runs this operator."""
        return foo.OperatorConfig(
            name=self.slug,
            label=f"Curadiff: {self.title}",
            description=self.about,
            icon=self.icon,
            dynamic=True,
            allow_immediate_execution=True,
            allow_delegated_execution=self.delegates,
            default_choice_to_delegated=False,
            disable_schema_validation=True,  # our sentences, not two sorts of them
            risk_level=self.risk,
            view_target=False,
        )

    def resolve_input(self, ctx: Any) -> types.Property:
        """Build the form for the values given so far."""
        form = types.Object()
        if ctx.params.get(FAULT):
            label = f"This could not be done: {ctx.params[FAULT]}"
            form.view("why_again", types.AlertView(severity="error", label=label))
        try:
            with lost_in_words():
                self.fill(ctx, form)
        except CuradiffError as fault:
            refuse(form, str(fault))
        view = types.PromptView(
            label=self.title, caption=self.about, submit_button_label=self.button
        )
        return types.Property(form, view=view)

    def execute(self, ctx: Any) -> dict[str, Any]:
        """Do it; what the user can mend opens the form again, and is an error elsewhere."""
        if in_app(ctx):
            jobs.import_once()
        try:
            refused = self.refused(ctx)
            if refused:
                raise RequestRefused(" ".join(refused.values()))
            with lost_in_words():
                done = self.act(ctx)
        except CuradiffError as fault:
            if not in_app(ctx):
                raise
            again = {**typed(ctx.params), FAULT: str(fault)}
            ctx.prompt(f"{URI}/{self.slug}", params=again)
            return {"error": str(fault)}
        if not in_app(ctx):
            return done
        if done.get("message"):
            ctx.ops.notify(done["message"], variant="success")
        if done.get("run"):
            following.follow(ctx, runs.open_by_id(done["run"]))
        else:
            following.refresh_panels(ctx)
        return done

    def resolve_execution_options(self, ctx: Any) -> Any:
        """Leave out delegation where the settings are refused; `execute` then says why."""
        options = super().resolve_execution_options(ctx)
        if options.allow_delegated_execution and self.refused(ctx):
            return foo.ExecutionOptions(allow_immediate_execution=True)
        return options

    def refused(self, ctx: Any) -> dict[str, str]:
        """Find the settings that only the App's owner may give, with a sentence for each."""
        if self.model is None:
            return {}
        return forms.refused(self.model, forms.given(self.model, ctx.params))

    def fill(self, ctx: Any, form: types.Object) -> None:
        """Add the form's fields."""
        raise NotImplementedError

    def act(self, ctx: Any) -> dict[str, Any]:
        """Do what the form says; return ``message`` and whatever a caller wants to know."""
        raise NotImplementedError

    def settings(self, ctx: Any) -> dict[str, Any]:
        """Return the settings that the form gives, checked."""
        if self.model is None:
            return {}
        begin = self.begin(ctx)[0] if in_app(ctx) else {}
        found = forms.begun(self.model, ctx.params, begin)
        self.model(**found)
        return found

    def begin(self, ctx: Any) -> tuple[dict[str, Any], list[str]]:
        """Return what the form begins with in place of the settings' own, and why."""
        return {}, []


def job(ctx: Any, verb: str, inputs: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
    """Start a job, or under delegated execution carry it out here, reporting progress."""
    form = typed(ctx.params)
    if not ctx.delegated:
        run = jobs.start(verb, inputs, settings, form=form)
        name = run.record["dataset"]
        said = f"{verb.capitalize()} of {name} has started ({run.id})"
        message = f"{said}; it goes on when the App is closed."
        return {"run": run.id, "message": message}
    run = jobs.prepare(verb, inputs, settings, form=form)
    jobs.work(run, report=told_to(ctx))
    return {"run": run.id, "message": run.status["message"]}


def typed(params: dict[str, Any]) -> dict[str, Any]:
    """Return a form's values as they can be stored and typed in again."""
    kept = {name: value for name, value in params.items() if name != FAULT}
    return json.loads(json.dumps(kept, default=str))


def told_to(ctx: Any) -> Any:
    """Return a progress function that tells FiftyOne's list of delegated operations."""
    return lambda done, total: ctx.set_progress(done / total if total else 0, f"{done} of {total}")


def refuse(form: types.Object, sentence: str, *, name: str = "refused") -> None:
    """Say why nothing can be started, and keep the button from starting it."""
    form.view(name, types.Error(label=sentence), invalid=True, error_message=sentence)


def choose(
    form: types.Object,
    name: str,
    listed: dict[str, str],
    *,
    label: str,
    description: str = "",
    default: str | None = None,
) -> None:
    """Add a menu: ``{value: what it says}``."""
    view = types.DropdownView()
    for value, says in listed.items():
        view.add_choice(value, label=says)
    form.enum(
        name,
        view.values(),
        label=label,
        description=description,
        default=default or next(iter(listed), None),
        required=True,
        view=view,
    )


def runs_menu(found: list[Run], say: Any) -> dict[str, str]:
    """List runs for a menu, newest first."""
    return {run.id: f"{run.id}: {say(run)}" for run in reversed(found)}


def in_app(ctx: Any) -> bool:
    """Tell whether the App's page asked, from a panel or from the list of operators."""
    asked = ctx.prompt_id or ctx.panel_id or getattr(ctx, CHECKED, False)
    return bool(asked) and not ctx.delegated
