"""The pages on a marketplace of their own, opened as browsers open them: with cookies and forms, without a script."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from html import unescape
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode

import httpx2
import pytest
from fastapi import FastAPI

from recourse.web.tokens import Bearer, BearerRole, new_id, sign_token
from tests.http.conftest import IDS, KEYS, Orders, app, order
from tests.process.conftest import Marketplace, client, marketplace

__all__ = ["Visitors", "app", "client", "marketplace", "order"]

SITE = "https://recourse.test"


def sign_in_token(role: BearerRole, holder: str | None = None, lifetime: timedelta = timedelta(minutes=5)) -> str:
    bearer, until = Bearer(role=role, id=holder or IDS[role]), datetime.now(UTC) + lifetime
    return sign_token(KEYS, bearer, "recourse-sign-in", until, new_id())


class _Forms(HTMLParser):
    """The forms of a page that name an action, and what is in each."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[tuple[str, dict[str, list[str]]]] = []
        self._area = self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append((said["action"], {}))
        elif tag == "input" and "name" in said and self.forms:
            chosen = said.get("type") not in ("radio", "checkbox") or "checked" in said
            if chosen:
                self.forms[-1][1].setdefault(said["name"], []).append(said.get("value", ""))
        elif tag == "select":
            self._select = said["name"]
        elif tag == "option" and "selected" in said:
            self.forms[-1][1][self._select] = [said["value"]]
        elif tag == "textarea":
            self._area = said["name"]
            self.forms[-1][1].setdefault(self._area, []).append("")

    def handle_data(self, data: str) -> None:
        if self._area:
            self.forms[-1][1][self._area][0] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self._area = ""


class Visitor:
    """Somebody with a browser."""

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self.http = http
        self.answer = httpx2.Response(204)

    @property
    def text(self) -> str:
        """The page that is shown, as it was sent."""
        return self.answer.text

    @property
    def words(self) -> str:
        """The page without its markup."""
        text = re.sub(r"<[^>]+>", " ", re.sub(r"(?s)<(head|script).*?</\1>", " ", self.text))
        return " ".join(unescape(text).split())

    async def open(self, place: str, site: str = "none") -> httpx2.Response:
        """Open a page and go where it leads; `site`: what the browser says of the page that led there."""
        self.answer = await self.http.get(f"/pages/{place}", headers={"Sec-Fetch-Site": site}, follow_redirects=True)
        return self.answer

    async def enter(self, role: BearerRole, holder: str | None = None) -> httpx2.Response:
        """Sign in by a link."""
        return await self.open(f"sign-in?token={sign_in_token(role, holder)}")

    async def go_on(self) -> httpx2.Response:
        """Turn to the next page of a list."""
        [address] = re.findall(r'rel="next" href="/pages/([^"]+)"', self.text)
        return await self.open(unescape(address))

    def fields(self, action: str = "") -> tuple[str, dict[str, list[str]]]:
        """The last form of the page that is shown, with what stands in it."""
        parser = _Forms()
        parser.feed(self.text)
        found = [form for form in parser.forms if form[0].endswith(action)]
        assert found, self.words
        return found[-1]

    async def submit(self, step: str = "", follow: bool = True, **typed: Any) -> httpx2.Response:
        """Fill in the last form of the page and send it."""
        action, fields = self.fields()
        given = {name: value if isinstance(value, list) else [value] for name, value in typed.items()}
        body = {**fields, **given, **({"step": [step]} if step else {})}
        self.answer = await self.http.post(
            action,
            content=urlencode(body, doseq=True),
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            follow_redirects=follow,
        )
        return self.answer

    async def do(self, order_id: str, key: str, **typed: Any) -> httpx2.Response:
        """A form, its preview, its confirmation."""
        await self.open(f"orders/{order_id}/{key}")
        assert self.answer.status_code == 200, self.words
        if 'value="preview"' not in self.text:
            return await self.submit(**typed)
        await self.submit("preview", **typed)
        assert self.answer.status_code == 200, self.words
        return await self.submit("confirm")


Visitors = Callable[..., Awaitable[Visitor]]


@pytest.fixture
async def visitor(app: FastAPI) -> AsyncIterator[Visitors]:
    """`await visitor("client")` is the client with a browser of its own, signed in."""
    opened: list[httpx2.AsyncClient] = []

    async def come(role: BearerRole | None = None, holder: str | None = None, *, to: FastAPI = app) -> Visitor:
        http = httpx2.AsyncClient(transport=httpx2.ASGITransport(to), base_url=SITE, headers={"Sec-Fetch-Site": "none"})
        opened.append(http)
        made = Visitor(http)
        if role:
            assert (await made.enter(role, holder)).status_code == 200
        return made

    yield come
    for http in opened:
        await http.aclose()


async def started(
    marketplace: Marketplace, order: Orders, *commands: tuple[str, str, dict[str, Any]], **terms: Any
) -> str:
    """An order on which some commands were applied already."""
    order_id = await order(**terms)
    for role, command, fields in commands:
        assert (await marketplace.by(role, order_id, command, **fields)).applied
    return order_id
