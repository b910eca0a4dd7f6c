"""The browser that the pages are tried in."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dev.browser import MISSING, browser, find_chromium
from recourse.local.progress import LocalError

needs_chromium = pytest.mark.skipif(find_chromium() is None, reason=MISSING)


@pytest.fixture
async def page_of_a_person() -> AsyncIterator[str]:
    """The address of a page on loopback that is called `Here`."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<title>Here</title>")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


@needs_chromium
async def test_it_shows_pages_of_this_machine_and_reaches_no_other(page_of_a_person: str) -> None:
    async with browser() as opened:
        page = await opened.new_page()
        await page.goto(page_of_a_person)
        assert await page.title() == "Here"
        with pytest.raises(Exception, match="ERR_NAME_NOT_RESOLVED"):
            await page.goto("http://example.com/")


async def test_without_a_chromium_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_chromium() is None
    with pytest.raises(LocalError, match="apt-get install chromium"):
        async with browser():
            raise AssertionError("it has opened")
