"""What stands before every request: who may ask, which paths there are, how much a body may hold.

Gradio has roads that this page does not need, some of which read files or fetch addresses that a
visitor names. Only those that its own page asks for are open. Other pages in a visitor's browser
may not ask: neither by our address (Origin), nor by a name of theirs that leads here (Host).
"""

import ipaddress
import json
import re
import socket
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException

from scripts.web_demo.uploads import LARGEST_FILE, too_large

FORM = 100_000  # bytes of a form's other fields
LARGEST_QUESTION = 1_000_000  # bytes of what the page's controls send
OURS = re.compile(r"/api(/.*)?")
OPEN = {
    "GET": re.compile(
        r"/|/config|/theme\.css|/favicon\.ico|/(assets|static|svelte)/[^:]*"
        r"|/gradio_api/(info|startup-events|heartbeat/\w+|queue/data)"
    ),
    "POST": re.compile(r"/gradio_api/(queue/join|cancel|reset)/?"),
}
# Nothing comes from elsewhere. Gradio's page has scripts in it, and makes functions of texts that
# the server sends.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
    "connect-src 'self'; frame-ancestors 'self'; form-action 'self'; base-uri 'self'; "
    "object-src 'none'"
)
HEADERS = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)
LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
ANY_ADDRESS = "*"  # among hosts: whatever is a number; only names can be made to lead here


class Gate:
    """ASGI middleware of all of the application.

    Args:
        app: what stands behind it.
        hosts: names and addresses that visitors may call us by, besides `LOCAL`; see `hosts_of`.
    """

    def __init__(self, app: Callable, hosts: Iterable[str] = ()):
        self.app, self._hosts = app, LOCAL | {host.lower() for host in hosts}

    async def __call__(self, scope: dict[str, Any], receive: Callable, send: Callable) -> None:
        """Lets a request through, or answers with one sentence."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            await _hang_up(scope, send)
            return
        if problem := self._foreign(scope):
            await _refuse(send, 403, problem)
            return
        if not is_open(scope["method"], scope["path"]):
            await _refuse(send, 404, "There is nothing here.")
            return
        most = LARGEST_FILE + FORM if OURS.fullmatch(scope["path"]) else LARGEST_QUESTION
        if _claimed(scope) > most:
            await _refuse(send, 413, _sentence(most))
            return
        await self._pass(scope, _counting(receive, most), send)

    def _foreign(self, scope: dict[str, Any]) -> str | None:
        """Why a request is not from our own page or a program; None if it is."""
        headers = dict(scope["headers"])
        host = headers.get(b"host", b"").decode("latin-1").lower()
        if not is_known(host, self._hosts):
            return f"This page is not called {host[:100]!r}: start it with --host for this name."
        origin = headers.get(b"origin")
        if origin is not None and not _is_same(origin.decode("latin-1").lower(), host):
            return "Another page may not ask this one."
        return None

    async def _pass(self, scope: dict[str, Any], receive: Callable, send: Callable) -> None:
        async def answer(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                own = [pair for pair in message.get("headers", ()) if not _opens(pair[0])]
                message = message | {"headers": [*own, *HEADERS]}
            await send(message)

        await self.app(scope, receive, answer)


def hosts_of(host: str) -> set[str]:
    """What visitors may call a server that listens on an address.

    Args:
        host: as --host gives it.

    Returns:
        For `Gate`: of an address that others reach, the machine's names and all addresses too.
    """
    if host in LOCAL:
        return {host}
    name = socket.gethostname().lower()
    return {host, name, name.partition(".")[0], f"{name.partition('.')[0]}.local", ANY_ADDRESS}


def is_known(host: str, hosts: Iterable[str]) -> bool:
    """Whether a Host header, with its port or without, is among names.

    >>> is_known("[::1]:7860", LOCAL), is_known("localhost.example.org", LOCAL)
    (True, False)
    """
    try:
        name = urlsplit(f"//{host}").hostname
        return name in hosts or (ANY_ADDRESS in hosts and bool(ipaddress.ip_address(name or "")))
    except ValueError:
        return False


def _is_same(origin: str, host: str) -> bool:
    scheme, _, rest = origin.partition("://")
    return scheme in ("http", "https") and rest == host


def _opens(header: bytes) -> bool:
    """Whether a header lets other pages read the answer."""
    return header.lower().startswith(b"access-control-")


def is_open(method: str, path: str) -> bool:
    """Whether a path is one that the page or the API needs."""
    if OURS.fullmatch(path):
        return True
    method = "GET" if method == "HEAD" else method
    return method in OPEN and OPEN[method].fullmatch(path) is not None


def _claimed(scope: dict[str, Any]) -> int:
    """The length that a request says it has."""
    found = dict(scope["headers"]).get(b"content-length", b"0")
    return int(found) if found.isdigit() else 0


def _counting(receive: Callable, most: int) -> Callable:
    """`receive` that stops at a body of more than `most` bytes, whatever was claimed."""
    count = 0

    async def counted() -> dict[str, Any]:
        nonlocal count
        message = await receive()
        count += len(message.get("body", b""))
        if count > most:
            raise HTTPException(413, _sentence(most))
        return message

    return counted


def _sentence(most: int) -> str:
    if most > LARGEST_FILE:
        return str(too_large())
    return f"The request is larger than {most:,} bytes."


async def _hang_up(scope: dict[str, Any], send: Callable) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})


async def _refuse(send: Callable, status: int, sentence: str) -> None:
    headers = [(b"content-type", b"application/json"), *HEADERS]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps({"error": sentence}).encode()})
