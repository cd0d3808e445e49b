"""Which requests to the App an operator or a panel answers.

FiftyOne's App has no login, and its server takes a request of whatever content type: a page
of any web site that the user has open can post to it. The answer stays hidden from that page,
but the operator has run. So each operator here looks at where the request came from, which
browsers say and pages cannot change, and refuses other sites. FiftyOne hands an operator the
body of a request only; `watch` therefore notes the headers on their way in and changes nothing.
"""

from __future__ import annotations

import contextvars
import ipaddress
import os
import socket
import sys
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import fiftyone as fo
import fiftyone.operators as foo

from ..common.errors import DataError, RequestRefused

SERVER = "fiftyone.server.app"
CHECKED = "curadiff_request_checked"  # set on the context of a request that may be answered
NO_PHOTOGRAPHS = ("/dev", "/proc", "/sys")  # reading these has effects, or never ends

_headers: contextvars.ContextVar[dict[str, str] | None] = contextvars.ContextVar(
    "curadiff_headers", default=None
)


class Watch:
    """An ASGI application around FiftyOne's that notes the headers of each request."""

    def __init__(self, app: Callable[..., Awaitable[None]]) -> None:
        self.app = app

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        """Note the headers, then let the request through as it is."""
        if scope["type"] == "http":
            pairs = [
                (k.decode("latin-1").lower(), v.decode("latin-1")) for k, v in scope["headers"]
            ]
            _headers.set(dict(pairs))
        await self.app(scope, receive, send)


def watch() -> None:
    """Note the headers of all requests from now on, in a process that is the App's server."""
    app = getattr(sys.modules.get(SERVER), "app", None)
    inner = getattr(app, "middleware_stack", None)
    if app is not None and inner is not None and not isinstance(inner, Watch):
        app.middleware_stack = Watch(inner)


def guarded(operator: type[foo.Operator]) -> type[foo.Operator]:
    """Return an operator, or a panel, that answers no request of another site."""

    class Guarded(operator):
        def resolve_execution_options(self, ctx: Any) -> Any:
            check(ctx)
            return super().resolve_execution_options(ctx)

        def execute(self, ctx: Any) -> Any:
            if is_server() and not getattr(ctx, CHECKED, False):
                raise RequestRefused(
                    "it is not known where this request came from; reload the page and try again."
                )
            return super().execute(ctx)

        def resolve_output(self, ctx: Any) -> Any:
            check(ctx)
            return super().resolve_output(ctx)

    class GuardedForm(Guarded):
        def resolve_input(self, ctx: Any) -> Any:
            check(ctx)
            return super().resolve_input(ctx)

    has_form = operator.resolve_input is not foo.Operator.resolve_input
    made = GuardedForm if has_form else Guarded
    made.__name__, made.__qualname__ = operator.__name__, operator.__qualname__
    made.__module__, made.__doc__ = operator.__module__, operator.__doc__
    return made


def check(ctx: Any) -> None:
    """Mark a context as that of a request that may be answered.

    Raises:
        RequestRefused: The request came from a page of another site.
    """
    headers = _headers.get()
    if is_server() and headers is not None:
        refuse_other_sites(headers, fo.config.allowed_origins or "")
        setattr(ctx, CHECKED, True)


def is_server() -> bool:
    """Tell whether this process answers the App's requests."""
    return SERVER in sys.modules or os.environ.get("FIFTYONE_SERVER") == "1"


def refuse_other_sites(headers: Mapping[str, str], allowed: str) -> None:
    """Refuse a request that a page of another site made.

    A page's own address and the address that it asks must be one, and a name must be this
    machine's: else a site could give its own name the address 127.0.0.1 (DNS rebinding). A
    request without an origin comes from no page, but from a program of this machine.

    Args:
        headers: Of the request, names in lower case.
        allowed: Other origins that are let in, as in ``FIFTYONE_ALLOWED_ORIGINS``.

    Raises:
        RequestRefused: With the origin, and how to let it in.
    """
    origin, host = headers.get("origin"), headers.get("host", "").lower()
    others = {one.strip().lower().rstrip("/") for one in allowed.split(",") if one.strip()}
    if origin is None:
        if headers.get("sec-fetch-site", "none") in ("same-origin", "none"):
            return
        origin = "another site"
    elif "*" in others or origin.lower() in others or _is_own(origin, host):
        return
    raise RequestRefused(
        f"a page of {origin} asked this App at {host or 'an unnamed address'}, and only the App's "
        "own page may; if the App is reached through that address, list it in "
        "FIFTYONE_ALLOWED_ORIGINS and start the App again."
    )


def _is_own(origin: str, host: str) -> bool:
    """Tell whether an origin is the address that was asked, and one of this machine's."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    name = (parts.hostname or "").rstrip(".")
    if not name or parts.netloc.lower() != host:
        return False
    try:
        ipaddress.ip_address(name)
    except ValueError:
        own = {socket.gethostname(), socket.getfqdn(), str(fo.config.default_app_address)}
        local = name == "localhost" or name.endswith(".localhost")
        return local or name in {one.lower() for one in own}
    return True


def folder_of_images(given: Any) -> str:
    """Return the folder of photographs that a request names.

    Importing copies nothing, and the App shows every file that its user can read; so any
    folder is good, unless the owner lists roots in ``CURADIFF_APP_FOLDERS``.

    Raises:
        DataError: It is not a path, or is none of files.
        RequestRefused: It lies outside the owner's roots.
    """
    if not isinstance(given, str) or "\0" in given:
        raise DataError(f"folder must be the path of a folder, got {given!r}.")
    path = Path(given).expanduser()
    if not path.exists() and "/" not in given:
        return given  # a data set's name
    path = path.resolve()
    if path == Path("/") or any(path.is_relative_to(one) for one in NO_PHOTOGRAPHS):
        raise DataError(f"{given} holds no photographs; give the folder that holds the images.")
    roots = os.environ.get("CURADIFF_APP_FOLDERS", "")
    listed = [Path(one).expanduser().resolve() for one in roots.split(os.pathsep) if one]
    if listed and not any(path.is_relative_to(root) for root in listed):
        raise RequestRefused(
            f"{given} is outside the folders that this App imports from ({roots}); its owner can "
            "add it to CURADIFF_APP_FOLDERS and start the App again."
        )
    return str(path)
