"""The page that asks people, as a Starlette application.

No cookie, no session on the server, no file name or arm in any answer: a rater's token
comes in the ``Authorization`` header, which a page of another origin cannot set.
"""

from __future__ import annotations

import json
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from functools import partial
from html import escape
from pathlib import Path
from typing import Any

import anyio.to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..common.errors import CuradiffError, DataError
from ..common.words import plural
from .pictures import Pictures
from .planner import SECONDS_PER_VOTE
from .session import Refused, Session
from .store import Rating

WEB = Path(__file__).with_name("web")
LARGEST_BODY = 2048  # bytes; an answer has about 100
MOST_RATERS = 1000
RATE, BURST = 100.0, 300.0  # requests of one address: many raters may share one
JOIN_COST = 30.0  # joining counts as so many requests

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src blob:; "
        "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cache-Control": "no-store",
}


def application(
    session: Session, *, hosts: list[str], rate: float = RATE, burst: float = BURST
) -> Starlette:
    """Build the application.

    Args:
        session: The study that is asked about.
        hosts: Names that the server may be addressed by; others are refused, so that a page
            whose name was pointed at this machine cannot talk to it.
        rate: Requests per second that one address may make in the long run.
        burst: Requests that it may make at once.
    """
    pictures = Pictures(session.rating.size)

    async def join_page(request: Request) -> Response:
        session.check_invite(request.path_params["invite"])
        return HTMLResponse(_invitation(session.rating))

    async def join(request: Request) -> Response:
        invite = request.path_params["invite"]
        own = await _in_thread(session.join, invite, most=MOST_RATERS)
        return RedirectResponse(f"/rate/{own}", status_code=303)

    async def page(request: Request) -> Response:
        await _in_thread(session.rater, request.path_params["token"])
        return _file("rate.html", "text/html")

    async def state(request: Request) -> Response:
        return await _state(_rater(request))

    async def vote(request: Request) -> Response:
        rater, body = _rater(request), await _body(request)
        required = {"pair": str, "answer": str}
        if not all(isinstance(body.get(name), kind) for name, kind in required.items()):
            raise HTTPException(400, "an answer has a pair and an answer, both text.")
        seconds = _seconds(body.get("seconds"))
        await _in_thread(session.vote, rater, body["pair"], body["answer"], seconds)
        return await _state(rater)

    async def undo(request: Request) -> Response:
        rater = _rater(request)
        done = (await _body(request)).get("done")
        if isinstance(done, bool) or not isinstance(done, int):
            raise HTTPException(400, "say how many pairs were answered: done, a whole number.")
        await _in_thread(session.undo, rater, done)
        return await _state(rater)

    async def picture(request: Request) -> Response:
        parts = request.path_params
        shown = await _in_thread(session.picture, _rater(request), parts["pair"], parts["side"])
        try:
            content = await _in_thread(pictures.get, shown.path)
        except DataError:
            raise HTTPException(410, "this image cannot be shown; answer not sure.") from None
        return Response(content, media_type="image/png")

    async def _state(rater: str) -> Response:
        now = await _in_thread(session.state, rater)
        return JSONResponse(
            {
                "done": now.done,
                "total": now.total,
                "pairs": [pair.id for pair in now.open],
                "canUndo": now.can_undo,
                "bothBad": session.rating.both_bad,
                "question": session.rating.question,
            }
        )

    def _rater(request: Request) -> str:
        scheme, _, own = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not own:
            raise HTTPException(401, "open the page by your own link.")
        return session.rater(own)

    async def asset(request: Request) -> Response:
        kinds = {"rate.js": "text/javascript", "rate.css": "text/css"}
        name = request.path_params["name"]
        if name not in kinds:
            raise HTTPException(404, "not found.")
        return _file(name, kinds[name])

    app = Starlette(
        routes=[
            Route("/join/{invite}", join_page, methods=["GET"]),
            Route("/join/{invite}", join, methods=["POST"]),
            Route("/rate/{token}", page, methods=["GET"]),
            Route("/state", state, methods=["GET"]),
            Route("/vote", vote, methods=["POST"]),
            Route("/undo", undo, methods=["POST"]),
            Route("/image/{pair}/{side}", picture, methods=["GET"]),
            Route("/assets/{name}", asset, methods=["GET"]),
        ],
        middleware=[
            Middleware(Guard, rate=rate, burst=burst),
            Middleware(TrustedHostMiddleware, allowed_hosts=hosts, www_redirect=False),
        ],
        exception_handlers={
            Refused: _refused,
            CuradiffError: _unavailable,
            HTTPException: _http,
        },
    )
    app.router.redirect_slashes = False
    return app


async def _in_thread(function: Callable[..., Any], *values: Any, **named: Any) -> Any:
    return await anyio.to_thread.run_sync(partial(function, *values, **named))


def _invitation(rating: Rating) -> str:
    """Fill the page that people join on: what they are asked, how often, how long it takes."""
    count = rating.votes_per_rater
    minutes = max(1, round(count * SECONDS_PER_VOTE / 60))
    pairs = f"{plural(count, 'time')}, which takes about {plural(minutes, 'minute')}"
    page = (WEB / "join.html").read_text(encoding="utf-8")
    return page.format(question=escape(rating.question), pairs=pairs)


def _file(name: str, kind: str) -> Response:
    return Response((WEB / name).read_bytes(), media_type=kind)


async def _body(request: Request) -> dict[str, Any]:
    """Read a JSON object of a few hundred bytes."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise HTTPException(415, "answers are sent as application/json.")
    content = b""
    async for part in request.stream():
        content += part
        if len(content) > LARGEST_BODY:
            raise HTTPException(413, "the request is too large.")
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        raise HTTPException(400, "the request is not JSON.") from None
    if not isinstance(body, dict):
        raise HTTPException(400, "the request is not a JSON object.")
    return body


def _seconds(given: Any) -> float | None:
    """Return a time below a day; whatever else was sent counts as not measured."""
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 <= given < 86_400:
        return None
    return round(float(given), 3)


async def _refused(request: Request, fault: Exception) -> Response:
    known = "authorization" in request.headers and "not known" not in str(fault)
    return JSONResponse({"error": str(fault)}, status_code=409 if known else 404)


async def _http(request: Request, fault: Exception) -> Response:
    assert isinstance(fault, HTTPException)
    return JSONResponse({"error": fault.detail}, status_code=fault.status_code)


async def _unavailable(request: Request, fault: Exception) -> Response:
    """The database is away: the page asks again until it is told that an answer is stored."""
    words = {"error": "the answer is not stored yet; this page tries again."}
    return JSONResponse(words, status_code=503, headers={"Retry-After": "2"})


class Guard:
    """Sets the headers of every answer, and limits how often one address may ask.

    Args:
        app: The application behind it.
        rate: Requests per second in the long run.
        burst: Requests at once.
    """

    def __init__(self, app: ASGIApp, rate: float, burst: float) -> None:
        self.app, self.rate, self.burst = app, rate, burst
        self.left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = {name.lower() for name, _ in message["headers"]}
                message["headers"] = [
                    *message["headers"],
                    *(
                        (name.lower().encode(), value.encode())
                        for name, value in HEADERS.items()
                        if name.lower().encode() not in given
                    ),
                ]
            await send(message)

        joins = scope["method"] == "POST" and scope["path"].startswith("/join/")
        if not self._allowed(scope, JOIN_COST if joins else 1.0):
            refused = JSONResponse({"error": "too many requests; wait a little."}, status_code=429)
            answer: Callable[..., Awaitable[None]] = refused
        else:
            answer = self.app
        await answer(scope, receive, send_with_headers)

    def _allowed(self, scope: Scope, cost: float) -> bool:
        address = (scope.get("client") or ("", 0))[0]
        now = time.monotonic()
        left, last = self.left.pop(address, (self.burst, now))
        left = min(self.burst, left + (now - last) * self.rate)
        allowed = left >= cost
        self.left[address] = (left - cost if allowed else left, now)
        while len(self.left) > 10_000:
            self.left.popitem(last=False)
        return allowed
