"""What all operators share: a form from the settings, one call, one message.

In the App an operator shows its form, checks it while it is filled in, and starts
the work. From Python it is called: ``operator(view, budget=100)`` does the same as
the function of that name in ``curadiff`` and returns what that returns.
"""

from __future__ import annotations

from typing import Any, ClassVar

import fiftyone.operators as foo
from fiftyone.operators import types

from ..api import jobs
from ..config import Settings
from ..errors import CuradiffError, RequestRefused
from ..runs import Run
from . import forms

URI = "@curadiff/studio"


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
        try:
            self.fill(ctx, form)
        except CuradiffError as fault:
            refuse(form, str(fault))
        view = types.PromptView(
            label=self.title, caption=self.about, submit_button_label=self.button
        )
        return types.Property(form, view=view)

    def execute(self, ctx: Any) -> dict[str, Any]:
        """Do it; what the user can mend becomes a sentence in the App, an error elsewhere."""
        if _in_app(ctx):
            jobs.import_once()
        try:
            refused = self.refused(ctx)
            if refused:
                raise RequestRefused(" ".join(refused.values()))
            said = self.act(ctx)
        except CuradiffError as fault:
            if not _in_app(ctx):
                raise
            ctx.ops.notify(str(fault), variant="error")
            return {"error": str(fault)}
        if _in_app(ctx) and said.get("message"):
            ctx.ops.notify(said["message"], variant="success")
        return said

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

    def resolve_output(self, ctx: Any) -> types.Property | None:
        """Show an error until it is read; success was said in passing."""
        error = (ctx.results or {}).get("error")
        if not error:
            return None
        shown = types.Object()
        shown.view("said", types.Error(label="This could not be done", description=error))
        return types.Property(shown, view=types.View(label=self.title))

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
        found = forms.given(self.model, ctx.params)
        self.model(**found)
        return found


def job(ctx: Any, verb: str, inputs: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
    """Start a job, or under delegated execution carry it out here, reporting progress."""
    if not ctx.delegated:
        run = jobs.start(verb, inputs, settings)
        return {"run": run.id, "message": f"{verb} has started; the Curadiff panel shows it."}
    run = jobs.prepare(verb, inputs, settings)
    jobs.work(run, report=told_to(ctx))
    return {"run": run.id, "message": run.status["message"]}


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


def _in_app(ctx: Any) -> bool:
    return bool(ctx.prompt_id or ctx.panel_id) and not ctx.delegated
