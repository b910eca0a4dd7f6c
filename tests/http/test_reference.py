"""The reference that the server carries: it is whole, and it loads nothing from elsewhere."""

import re
from collections.abc import AsyncIterator
from typing import Any, cast
from urllib.parse import urldefrag

import httpx2
import pytest

from recourse.resolution.model.refusals import CODES
from recourse.starter.client import Recourse
from recourse.web.app import make_app
from recourse.web.problems import PROBLEMS
from tests.http.conftest import KEYS


@pytest.fixture
async def http() -> AsyncIterator[httpx2.AsyncClient]:
    app = make_app(Recourse(cast("Any", None), None), KEYS)
    transport = httpx2.ASGITransport(app=app, root_path="/recourse")
    async with httpx2.AsyncClient(transport=transport, base_url="http://shop") as caller:
        yield caller


async def page(http: httpx2.AsyncClient, path: str) -> tuple[str, set[str]]:
    """A page, and the anchors in it."""
    answer = await http.get(path)
    assert answer.status_code == 200
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    return answer.text, set(re.findall(r'id="([^"]+)"', answer.text))


async def test_every_call_and_every_model_is_on_the_page_and_every_link_leads_somewhere(
    http: httpx2.AsyncClient,
) -> None:
    described = (await http.get("/openapi.json")).json()
    text, anchors = await page(http, "/docs")
    for path, methods in described["paths"].items():
        for method in methods:
            assert f"{method.upper()} {path}" in text
    assert set(described["components"]["schemas"]) <= anchors
    assert set(re.findall(r'href="#([^"]+)"', text)) <= anchors


@pytest.mark.parametrize("path", ["/docs", "/docs/errors"])
async def test_the_pages_load_nothing_from_elsewhere_and_run_nothing(http: httpx2.AsyncClient, path: str) -> None:
    text, _ = await page(http, path)
    assert "<script" not in text
    loaded = re.findall(r'(?:src|href)="([^"#]+)"', text)
    assert loaded
    for address in loaded:
        assert address.startswith("/recourse/")
        assert (await http.get(address)).status_code == 200


async def test_the_type_of_an_error_leads_to_what_it_means(http: httpx2.AsyncClient) -> None:
    problem = (await http.get("/orders/1001")).json()
    address, anchor = urldefrag(problem["type"])
    _, anchors = await page(http, address)
    assert anchor == problem["code"] == "token_required"
    assert {*CODES, *PROBLEMS} <= anchors
