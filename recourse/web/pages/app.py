"""The pages as an application of their own next to the API: its addresses, its errors, and what protects it."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from recourse.database.pool import AWAY
from recourse.errors import DatabaseUnreachable
from recourse.web.access import Site
from recourse.web.pages import actions, groups, lists, order_page, saying, signing_in
from recourse.web.pages.rendering import render, static
from recourse.web.pages.sessions import LANGUAGE_COOKIE, find_session, remember_language
from recourse.web.problems import FAILURES, Failure, database_unreachable
from recourse.wording.languages import first_offered, preferred, say, speaking

_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors {}"
)
_HEADERS = {
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def make_pages(site: Site, ancestors: Sequence[str] = ()) -> Starlette:
    """The pages. `ancestors` are the origins whose pages may show them in a frame, such as `https://market.example`."""
    pages = Starlette(
        routes=[
            Route("/", _for_somebody(signing_in.home)),
            Route("/sign-in", _for_somebody(signing_in.enter), methods=["GET", "POST"]),
            Route("/sign-out", _for_somebody(signing_in.leave), methods=["POST"]),
            Route("/zone", _for_somebody(signing_in.choose_zone), methods=["GET", "POST"]),
            Route("/orders", _for_somebody(lists.own_orders)),
            Route("/queue", _for_somebody(lists.queue)),
            Route("/money", _for_somebody(lists.money)),
            Route("/orders/{order_id}", _for_somebody(order_page.show)),
            Route("/orders/{order_id}/files/{file_id}", _for_somebody(order_page.file)),
            Route("/orders/{order_id}/message", _for_somebody(saying.send), methods=["POST"]),
            Route("/orders/{order_id}/{key}", _for_somebody(actions.ask), methods=["GET"]),
            Route("/orders/{order_id}/{key}", _for_somebody(actions.act), methods=["POST"]),
            Route("/groups/{group}", _for_somebody(groups.show)),
            Route("/groups/{group}/request-cancel", _for_somebody(groups.ask), methods=["GET"]),
            Route("/groups/{group}/request-cancel", _for_somebody(groups.act), methods=["POST"]),
            Route("/static/{name}", static),
        ],
        exception_handlers={
            **{kind: _answering(make) for kind, make in FAILURES.items()},
            # Parties need not read what operators have to set.
            **dict.fromkeys((DatabaseUnreachable, *AWAY), _answering(lambda error: database_unreachable())),
        },
    )
    # It would name our host and scheme, which a proxy in front of us knows better.
    pages.router.redirect_slashes = False
    pages.state.site = site
    pages.state.embedded = bool(ancestors)
    headers = {**_HEADERS, "Content-Security-Policy": _POLICY.format(" ".join(ancestors) or "'none'")}
    if not ancestors:
        headers["X-Frame-Options"] = "DENY"
    pages.add_middleware(_Protected, headers=headers)
    pages.add_middleware(_Spoken, default=site.brand.language, embedded=bool(ancestors))
    return pages


def _for_somebody(page: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    async def shown(request: Request) -> Response:
        await find_session(request, request.app.state.site)
        return await page(request)

    return shown


def _answering(make: Any) -> Any:
    async def answer(request: Request, error: Exception) -> Response:
        failure: Failure = make(error)
        if isinstance(error, HTTPException) and failure.status_code == 404 and not isinstance(error, Failure):
            failure = Failure(404, "not_found", say("There is no such page."))
        shown = render(request, "problem.html", failure.status_code, problem=failure.content)
        shown.headers.update({name: value for name, value in (failure.headers or {}).items() if name == "Retry-After"})
        return shown

    return answer


class _Protected:
    """Marks each page with what a browser may do with it."""

    def __init__(self, app: ASGIApp, headers: dict[str, str]) -> None:
        self._app = app
        self._headers = [(name.lower().encode(), value.encode()) for name, value in headers.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                pictures = scope.get("state", {}).get("pictures", ())
                message["headers"] = [*message["headers"], *_with(pictures, self._headers)]
            await send(message)

        await self._app(scope, receive, marked)


class _Spoken:
    """Speaks the reader's language: that of the link, as `lang`, that chosen before, or the browser's."""

    def __init__(self, app: ASGIApp, default: str, *, embedded: bool) -> None:
        self._app, self._default, self._embedded = app, default, embedded

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        asked = request.query_params.get("lang", "")
        browser = preferred(request.headers.get("accept-language", ""))
        code = first_offered((asked, request.cookies.get(LANGUAGE_COOKIE, ""), *browser), self._default)

        async def named(message: Message) -> None:
            if message["type"] == "http.response.start":
                said = Response()
                if first_offered([asked], "") == code:
                    remember_language(said, code, embedded=self._embedded)
                cookies = [(name, value) for name, value in said.raw_headers if name == b"set-cookie"]
                message["headers"] = [*message["headers"], (b"content-language", code.encode()), *cookies]
            await send(message)

        with speaking(code):
            await self._app(scope, receive, named)


def _with(pictures: Sequence[str], headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The headers of a page that shows these pictures: the browser fetches them, and nothing else from elsewhere."""
    if not pictures:
        return headers
    origins = " ".join(sorted({"{0.scheme}://{0.netloc}".format(urlsplit(picture)) for picture in pictures}))
    ours, theirs = b"img-src 'self'", f"img-src 'self' {origins}".encode()
    return [(name, value.replace(ours, theirs)) for name, value in headers]
