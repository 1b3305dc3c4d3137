"""What stands before every request: which paths there are, how much a body may hold, and headers.

Gradio has roads that this page does not need, some of which read files or fetch addresses that a
visitor names. Only those that its own page asks for are open.
"""

import json
import re
from collections.abc import Callable
from typing import Any

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


class Gate:
    """ASGI middleware of all of the application.

    Args:
        app: what stands behind it.
    """

    def __init__(self, app: Callable):
        self.app = app

    async def __call__(self, scope: dict[str, Any], receive: Callable, send: Callable) -> None:
        """Lets a request through, or answers with one sentence."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if not is_open(scope["method"], scope["path"]):
            await _refuse(send, 404, "There is nothing here.")
            return
        most = LARGEST_FILE + FORM if OURS.fullmatch(scope["path"]) else LARGEST_QUESTION
        if _claimed(scope) > most:
            await _refuse(send, 413, _sentence(most))
            return
        await self._pass(scope, _counting(receive, most), send)

    async def _pass(self, scope: dict[str, Any], receive: Callable, send: Callable) -> None:
        async def answer(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message = message | {"headers": [*message.get("headers", ()), *HEADERS]}
            await send(message)

        await self.app(scope, receive, answer)


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


async def _refuse(send: Callable, status: int, sentence: str) -> None:
    headers = [(b"content-type", b"application/json"), *HEADERS]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps({"error": sentence}).encode()})
