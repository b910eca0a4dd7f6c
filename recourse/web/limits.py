"""What every call and every answer is held to."""

import asyncio
import re

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from recourse.evidence.kinds import LARGEST
from recourse.starter.messages import LARGEST_MESSAGE
from recourse.web.problems import Failure

# Seconds until the whole body is there. Behind a proxy that waits for it, it comes at once.
BODY_WITHIN = 15.0
# The same where files are brought, at the pace of a slow phone; and how much of a form is read, so that its sender gets
# an answer. No file is kept that is larger than LARGEST.
FILES_WITHIN = 300.0
MOST_OF_FILES = 20 * LARGEST
_BRINGS_FILES = re.compile(r"/orders/[^/]+/files|/pages/orders/[^/]+/message")
# An answer is one reader's, at one moment: nobody on the way keeps it.
_HEADERS = [
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
]


def _brings_files(scope: Scope) -> bool:
    path = scope["path"].removeprefix(scope.get("root_path", ""))
    if not _BRINGS_FILES.fullmatch(path):
        return False
    # Any other form is small, and read at once.
    kind: bytes = next((value for name, value in scope["headers"] if name == b"content-type"), b"")
    return not path.startswith("/pages") or kind.lower().startswith(b"multipart/form-data")


class Heads:
    """Answers HEAD wherever GET is answered, with the same headers and no body."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one call on."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def without_body(message: Message) -> None:
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        await self._app({**scope, "method": "GET"}, receive, without_body)


class Limits:
    """Takes no body that is larger than any message may be, or that takes too long, and marks each answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one call on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        names = {name for name, _ in scope["headers"]}
        if {b"content-length", b"transfer-encoding"} <= names:
            # A proxy and this server might see different ends of the body, and so different calls.
            why = "Content-Length and Transfer-Encoding say two things of one body."
            closing = {"Connection": "close"}
            both = Failure(400, "ambiguous_length", "The length of the body is unclear.", detail=why, headers=closing)
            await both.response(scope, receive, send)
            return
        taken, coming = 0, True
        files = scope["method"] == "POST" and _brings_files(scope)
        within, most = (FILES_WITHIN, MOST_OF_FILES) if files else (BODY_WITHIN, LARGEST_MESSAGE)
        due = asyncio.get_running_loop().time() + within

        async def limited() -> Message:
            nonlocal taken, coming
            try:
                async with asyncio.timeout_at(due if coming else None):
                    message = await receive()
            except TimeoutError:
                why = f"The whole body must be there within {within:g} seconds."
                raise Failure(
                    408, "too_slow", "The body took too long.", detail=why, headers={"Connection": "close"}
                ) from None
            coming = coming and message.get("more_body", False)
            taken += len(message.get("body", b""))
            if taken > most:
                why = f"At most {most} bytes are taken."
                raise Failure(413, "too_large", "The body is too large.", detail=why)
            return message

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = {name for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *(pair for pair in _HEADERS if pair[0] not in present)]
            await send(message)

        await self._app(scope, limited, marked)
