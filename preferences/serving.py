"""Run the page's server until it is stopped."""

from __future__ import annotations

import asyncio
import threading

from hypercorn.asyncio import serve as run
from hypercorn.config import Config

from ..common.errors import EnvironmentFault
from .server import application
from .session import Session


def serve(
    session: Session,
    *,
    host: str = "127.0.0.1",
    port: int = 5252,
    hosts: list[str] | None = None,
    until: threading.Event | None = None,
) -> None:
    """Serve one study until Ctrl-C, or until an event is set.

    Args:
        session: The study.
        host: Address to listen on; 127.0.0.1 is reached from this machine only.
        port: Port to listen on.
        hosts: Further names by which raters reach this machine.
        until: Ends the server when it is set.

    Raises:
        EnvironmentFault: The address cannot be used.
        KeyboardInterrupt: Ctrl-C, where `until` is given; without it hypercorn ends by itself.
    """
    config = Config()
    config.bind = [f"{host}:{port}" if ":" not in host else f"[{host}]:{port}"]
    config.include_server_header = False
    config.accesslog = None  # an access log would hold the raters' tokens
    config.loglevel = "WARNING"
    config.graceful_timeout = 2.0
    config.h11_max_incomplete_size = 16 * 1024
    names = {"127.0.0.1", "localhost", "[::1]", host, *(hosts or [])}
    app = application(session, hosts=sorted(names))

    async def ended() -> None:
        while until is not None and not until.is_set():
            await asyncio.sleep(0.1)

    try:
        trigger = None if until is None else ended
        asyncio.run(run(app, config, shutdown_trigger=trigger))  # type: ignore[arg-type]
    except OSError as fault:
        raise EnvironmentFault(
            f"cannot listen on {host}:{port} ({fault.strerror or fault}); choose another --port."
        ) from None
