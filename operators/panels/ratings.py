"""The human study in the App: start one, ask people, and see what they answered."""

from __future__ import annotations

import json
from typing import Any, ClassVar

import plotly.graph_objects as go
from fiftyone.operators import types

from ... import runs
from ...common.words import plural
from ...datasets import ratings
from ...jobs import jobs
from ...preferences import Results
from ...preferences.store import Rating
from ...runs import Run
from .. import voting
from . import ballots, layout
from .base import BasePanel, notify_errors

POLL = 4000  # milliseconds between two looks while people vote
DOT, EVEN = "#ff6d04", "#8a8a8a"
"""Colours that are seen on the App's dark ground and on its light one."""
ONE_LINE = {"sx": {"whiteSpace": "nowrap", "fontVariantNumeric": "tabular-nums"}}


class RatingsPanel(BasePanel):
    """Studies of people: their link, how far they are, and what the votes mean."""

    slug: ClassVar[str] = "curadiff_people"
    title: ClassVar[str] = "Curadiff people"
    icon: ClassVar[str] = "how_to_vote"
    about: ClassVar[str] = (
        "Dots are how often the first arm was preferred, a tie counts half; lines are 95 % "
        "intervals that allow for raters who differ; the dotted line is an even split."
    )

    def on_choose(self, ctx: Any) -> None:
        """Another study."""
        ctx.panel.set_state("study", ctx.params.get("value"))

    def ask(self, ctx: Any) -> None:
        """Serve the page of a study in a process of its own."""
        with notify_errors(ctx):
            name = ctx.params["study"]
            ratings.open_rating(name)
            jobs.start("rate-serve", {"study": name}, {})
            ctx.ops.notify("The page is starting; its link appears here.", variant="info")

    def stop(self, ctx: Any) -> None:
        """End the page; votes are kept."""
        with notify_errors(ctx):
            run = runs.open_by_id(ctx.params["run"])
            jobs.stop(run)
            ctx.ops.notify("The page ends; all votes are kept.", variant="info")

    def vote_here(self, ctx: Any) -> None:
        """Begin to vote in this panel."""
        ctx.panel.set_state("voting", ctx.params["study"])

    def end_voting(self, ctx: Any) -> None:
        """Show the results again."""
        ctx.panel.set_state("voting", None)

    def vote(self, ctx: Any) -> None:
        """Store an answer; the same one sent again is stored once."""
        params = ctx.params
        with notify_errors(ctx), voting.session_of(ctx, params["study"]) as (session, rater):
            session.vote(rater, params["pair"], params["answer"], None)

    def undo(self, ctx: Any) -> None:
        """Take the last answer back; its pair is shown again."""
        with notify_errors(ctx), voting.session_of(ctx, ctx.params["study"]) as (session, rater):
            session.undo(rater, ctx.params["done"])

    def build(self, ctx: Any, page: types.Object) -> None:
        """Add the study that was chosen, the newest one at first."""
        from ...studies import rating

        names = ratings.rating_names()
        head = layout.row(page, "**Which images do people prefer?**")
        layout.button(head, "Start a study", self.open_form, operator="start_rating")
        if not names:
            page.view(
                "none",
                types.AlertView(
                    severity="info",
                    label="No study of people yet",
                    description="Start one on generated images of two or more arms, or on two or "
                    "more tagged sets. People vote on a page of their own and see no names.",
                ),
            )
            return
        chosen = ctx.panel.get_state("study")
        name = chosen if chosen in names else names[-1]
        if len(names) > 1:
            menu = types.DropdownView(label="Study")
            for one in reversed(names):
                menu.add_choice(one, label=one)
            page.enum("which", menu.values(), default=name, view=menu, on_change=self.on_choose)
        if ctx.panel.get_state("voting") == name:
            ballots.add_ballot(page, ctx, self, name)
            return
        status = rating.rate_status(name)
        done = (
            f"{status.finished} of {plural(status.raters, 'rater')} "
            f"{'is' if status.finished == 1 else 'are'} done"
            if status.raters
            else ("nobody has joined yet")
        )
        row = layout.row(page, f"**{name}**: {plural(status.votes, 'answer')}; {done}.")
        server = _server(name)
        if server is None:
            layout.button(row, "Vote here", self.vote_here, study=name)
            layout.button(row, "Ask people", self.ask, study=name)
        else:
            layout.button(row, "Stop asking", self.stop, run=server.id)
            address = server.status.get("address")
            if address:
                layout.text(page, f"Raters open this link, on this machine: [{address}]({address})")
                layout.text(page, f"On others: `curadiff rate serve {name} --host 0.0.0.0`")
            else:
                layout.text(page, "The page is starting; its link appears here.")
            timer = types.TimerView(interval=POLL, on_interval=self.on_refresh)
            page.obj("timer", view=timer)
        layout.text(page, _compared(ratings.open_rating(name).rating()))
        if status.votes:
            results = rating.rate_results(name)
            if results.votes < status.votes:
                rest = plural(status.votes - results.votes, "answer")
                layout.text(page, f"{rest} to repeated or known pairs: they check the raters.")
            _results(page, results)


def _server(name: str) -> Run | None:
    """Return the job that serves a study's page, None where none does."""
    for run in reversed(runs.listing("job")):
        record = run.record
        serves = record.get("verb") == "rate-serve" and record["inputs"].get("study") == name
        if serves and run.status["state"] in runs.ACTIVE:
            return run
    return None


def _compared(rating: Rating) -> str:
    """Say what a study compares, and what each rater is asked."""
    arms = ", ".join(
        f"{arm} ({plural(len(images), 'image')})" for arm, images in rating.images.items()
    )
    asked = plural(rating.votes_per_rater, "pair")
    source = rating.source.get("dataset")
    arms += f", of the data set {source}" if source else ""
    return f"Compares {arms}. Each rater sees {asked}, without names: “{rating.question}”"


def _results(page: types.Object, results: Results) -> None:
    for sentence in results.sentences:
        layout.text(page, sentence)
    height = 90 + 45 * len(results.pairs)
    data, arranged = _plot(results, height)
    plots = types.Object()
    page.define_property("plots", plots, view=layout.wrapping())
    plots.plot(
        "preferred",
        data=data,
        layout=arranged,
        height=f"{height}px",
        config={"displayModeBar": False, "scrollZoom": False},
        componentsProps=layout.flexible(320),
    )
    table = types.TableView(componentsProps={**layout.SCROLLING, "tableBodyCell": ONE_LINE})
    columns = ("pair", "preferred", "wins", "ties", "losses", "votes", "raters")
    for column in columns:
        table.add_column(column, label=column)
    rows = [
        {
            "pair": f"{pair.first} over {pair.second}",
            "preferred": f"{pair.rate:.0%} [{pair.interval[0]:.0%}, {pair.interval[1]:.0%}]",
            "wins": pair.wins,
            "ties": pair.ties,
            "losses": pair.losses,
            "votes": pair.votes,
            "raters": pair.raters,
        }
        for pair in results.pairs
    ]
    page.list("table", types.Object(), default=rows, view=table)


def _plot(results: Results, height: int) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Draw each pair's win rate as a dot on its interval, beside the line of an even split."""
    figure = go.Figure(
        go.Scatter(
            x=[100 * pair.rate for pair in results.pairs],
            y=[f"{pair.first} over {pair.second}" for pair in results.pairs],
            mode="markers",
            marker={"size": 12, "color": DOT},
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [100 * (pair.interval[1] - pair.rate) for pair in results.pairs],
                "arrayminus": [100 * (pair.rate - pair.interval[0]) for pair in results.pairs],
                "color": DOT,
            },
            hovertemplate="%{x:.0f} %<extra></extra>",
        )
    )
    figure.add_vline(x=50, line_dash="dot", line_color=EVEN)
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 16, "t": 8, "b": 36},
        xaxis={"range": [0, 100], "title": "preferred, % of votes"},
        yaxis={"automargin": True, "range": [len(results.pairs) - 0.5, -0.5], "ticksuffix": "  "},
    )
    spec = json.loads(figure.to_json() or "{}")
    spec["layout"].pop("template")  # colours are the App's
    return spec["data"], spec["layout"]
