"""What all operators share: a form made of settings, one call, one message.

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
from ..common.errors import CuradiffError, DataError, RequestRefused, SettingsError
from ..config import Settings
from ..datasets import counting, resolving, views
from ..datasets.database import lost_in_words
from ..jobs import jobs
from ..jobs.carry_out import carry_out
from ..runs import Run
from . import follow_jobs, form_values
from .access import CHECKED
from .follow_jobs import FAULT
from .reopening import note_answered, reopen

Results = dict[str, tuple[type, str]]
"""What an operator returns: by name, the type and what it is."""

URI = follow_jobs.URI
NOT_TYPED = (FAULT, form_values.GIVEN, "panel_id", "panel_state")
"""Values of a form that nobody typed in: they say why and from where it was opened."""


class BaseOperator(foo.Operator):
    """Base of the operators.

    Attributes:
        slug: Its name in ``@curadiff/studio/NAME``.
        title: What its form is headed with.
        about: One sentence under it.
        button: What the button that starts it says.
        icon: Name of its icon.
        model: Its settings; None for operators without.
        risk: What an agent should know before calling it.
        delegates: May be handed to ``fiftyone delegated launch``.
        needs_dataset: Works on the data set that is open.
        results: What it returns besides ``message``: by name, the type and what it is.
    """

    slug: ClassVar[str]
    title: ClassVar[str]
    about: ClassVar[str]
    button: ClassVar[str] = "Start"
    icon: ClassVar[str] = "science"
    model: ClassVar[type[Settings] | None] = None
    risk: ClassVar[types.RiskLevel] = types.RiskLevel.MEDIUM
    delegates: ClassVar[bool] = False
    needs_dataset: ClassVar[bool] = True
    results: ClassVar[Results] = {}

    @property
    def config(self) -> foo.OperatorConfig:
        """How FiftyOne lists and runs this operator."""
        return foo.OperatorConfig(
            name=self.slug,
            label=f"Curadiff: {self.title}",
            description=f"Curadiff: {self.about}",  # FiftyOne lists by its first letter: as here
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
        ctx.params = form_values.with_given(ctx.params)
        form = types.Object()
        if ctx.params.get(FAULT):
            label = f"This could not be done: {ctx.params[FAULT]}"
            form.view("why_again", types.AlertView(severity="error", label=label))
        try:
            with lost_in_words():
                self._check_open(ctx)
                self.build_form(ctx, form)
        except CuradiffError as error:
            add_error(form, str(error))
        view = types.PromptView(
            label=self.title, caption=self.about, submit_button_label=self.button
        )
        return types.Property(form, view=view)

    def resolve_output(self, ctx: Any) -> Any:
        """Describe what `execute` returns; in the App a message says it, and no page opens."""
        note_answered(ctx.results)
        if in_app(ctx):
            return None
        output = types.Object()
        for name, (kind, label) in {**self.results, "message": (str, "What was done")}.items():
            add = {str: output.str, int: output.int}[kind]
            add(name, label=label, view=types.LabelValueView(read_only=True))
        return types.Property(output, view=types.View(label=self.title))

    def execute(self, ctx: Any) -> dict[str, Any]:
        """Do it; what the user can mend opens the form again, and is an error elsewhere."""
        ctx.params = form_values.with_given(ctx.params)
        if in_app(ctx):
            jobs.import_once()
        try:
            refused = self.refused(ctx)
            if refused:
                raise RequestRefused(" ".join(refused.values()))
            with lost_in_words():
                self._check_open(ctx)
                result = self.perform(ctx)
        except CuradiffError as error:
            if not in_app(ctx):
                raise
            return reopen(ctx, self.slug, storable(ctx.params), str(error))
        if not in_app(ctx):
            return result
        if result.get("message"):
            ctx.ops.notify(result["message"], variant="success")
        if result.get("run"):
            follow_jobs.follow(ctx, runs.open_by_id(result["run"]))
        else:
            follow_jobs.refresh_panels(ctx)
        return result

    def resolve_execution_options(self, ctx: Any) -> Any:
        """Leave out delegation where the settings are refused; `execute` then says why."""
        ctx.params = form_values.with_given(ctx.params)
        options = super().resolve_execution_options(ctx)
        if options.allow_delegated_execution and self.refused(ctx):
            return foo.ExecutionOptions(allow_immediate_execution=True)
        return options

    def refused(self, ctx: Any) -> dict[str, str]:
        """Find the settings that only the App's owner may give, with a sentence for each."""
        if self.model is None:
            return {}
        values = form_values.form_settings(self.model, ctx.params)
        return form_values.refused_settings(self.model, values)

    def _check_open(self, ctx: Any) -> None:
        """Refuse to work on a data set where none is open."""
        if self.needs_dataset and ctx.dataset is None:
            raise DataError("Open a data set first, or import images.")

    def build_form(self, ctx: Any, form: types.Object) -> None:
        """Add the form's fields."""
        raise NotImplementedError

    def perform(self, ctx: Any) -> dict[str, Any]:
        """Do what the form says; return ``message`` and whatever a caller wants to know."""
        raise NotImplementedError

    def settings(self, ctx: Any) -> dict[str, Any]:
        """Return the settings that the form gives, checked."""
        if self.model is None:
            return {}
        defaults = self.form_defaults(ctx)[0] if in_app(ctx) else {}
        settings = form_values.effective_settings(self.model, ctx.params, defaults)
        self.model(**settings)
        return settings

    def form_defaults(self, ctx: Any) -> tuple[dict[str, Any], list[str]]:
        """Return values that the form begins with in place of the settings' own, and why."""
        return {}, []


def check_described(ctx: Any, example: str) -> None:
    """Refuse hours of work to a program that says nothing of it; a form shows what it starts.

    Raises:
        SettingsError: There are no parameters.
    """
    if not in_app(ctx) and not storable(ctx.params):
        raise SettingsError(f"this computes for long; say what is wanted, such as {example}")


def start_job(
    ctx: Any, verb: str, inputs: dict[str, Any], settings: dict[str, Any], *, on_view: bool = False
) -> dict[str, Any]:
    """Start a job, or under delegated execution carry it out here, reporting progress.

    Args:
        ctx: The context in which the operator of the form is executed.
        verb: As for `jobs.start`.
        inputs: As for `jobs.start`.
        settings: As for `jobs.start`.
        on_view: Whether the work is on the samples that are shown.
    """
    asked = asked_for(ctx, on_view=on_view)
    if not ctx.delegated:
        run = jobs.start(verb, inputs, settings, asked=asked)
        started = f"{follow_jobs.subject_of(run)} of {run.record['dataset']} has started ({run.id})"
        return {"run": run.id, "message": f"{started}; it goes on when the App is closed."}
    run = jobs.prepare(verb, inputs, settings, asked=asked)
    carry_out(run, report=progress_reporter(ctx))
    return {"run": run.id, "message": run.status["message"]}


def asked_for(ctx: Any, *, on_view: bool) -> dict[str, Any]:
    """Return what a form was sent with, for the record of its run.

    The panel tells by it what was asked for again, and opens the form with it.

    Args:
        ctx: The context in which the operator of the form is executed.
        on_view: Whether the work is on the samples that are shown: then also the view and what
            is selected in it.
    """
    asked: dict[str, Any] = {"form": storable(ctx.params)}
    if on_view:
        asked |= {
            "form_view": views.stages_of(ctx.view),
            "form_selected": views.selected_in(ctx.request_params),
        }
    return asked


def storable(params: dict[str, Any]) -> dict[str, Any]:
    """Return a form's values as they can be stored and typed in again."""
    whole = form_values.with_given(params)  # FiftyOne keeps what is scheduled as it was sent
    values = {name: value for name, value in whole.items() if name not in NOT_TYPED}
    return json.loads(json.dumps(values, default=str))


def progress_reporter(ctx: Any) -> Any:
    """Return a progress function that fills FiftyOne's list of delegated operations."""
    return lambda done, total: ctx.set_progress(done / total if total else 0, f"{done} of {total}")


def add_error(form: types.Object, sentence: str, *, name: str = "refused") -> None:
    """Say why nothing can be started, and keep the button from starting it."""
    form.view(name, types.Error(label=sentence), invalid=True, error_message=sentence)


def add_notice(form: types.Object, sentences: list[str]) -> None:
    """Say which values a form chose by itself, and why."""
    if sentences:
        form.view("chosen", types.Notice(label=" ".join(dict.fromkeys(sentences))))


def add_menu(
    form: types.Object,
    name: str,
    listed: dict[str, str],
    *,
    label: str,
    description: str = "",
    default: str | None = None,
) -> None:
    """Add a menu of ``{value: label}``; the first is chosen unless another is the default."""
    view = types.DropdownView()
    for value, text in listed.items():
        view.add_choice(value, label=text)
    form.enum(
        name,
        view.values(),
        default=default or next(iter(listed), None),
        label=label,
        description=description,
        required=True,
        view=view,
    )


def add_target(ctx: Any, form: types.Object, verb: str) -> None:
    """Let the user choose the samples: the data set, the current view or the selected ones."""
    form.view_target(ctx, action_description=verb)
    warning = resolving.passing(ctx.dataset)
    if warning:
        form.view("passing", types.Warning(label=warning))


def add_size(ctx: Any, form: types.Object, work: str) -> int:
    """Say of how many images some work is; return their number.

    A view that is still open, such as a selection that was looked at, is then not overlooked.
    """
    size, whole = len(ctx.target_view()), counting.exact(ctx.dataset)
    images = f"all {whole:,} images" if size == whole else f"{size:,} of the {whole:,} images"
    form.view("size", types.Notice(label=f"The {work} takes {images} of {ctx.dataset.name}."))
    return size


def runs_menu(listed: list[Run], describe: Any) -> dict[str, str]:
    """List runs for a menu, newest first."""
    return {run.id: f"{run.id}: {describe(run)}" for run in reversed(listed)}


def in_app(ctx: Any) -> bool:
    """Tell whether the App's page asked, from a panel or from the list of operators."""
    by_page = ctx.prompt_id or ctx.panel_id or getattr(ctx, CHECKED, False)
    return bool(by_page) and not ctx.delegated
