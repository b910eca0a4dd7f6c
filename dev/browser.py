"""A Chromium to look at pages with as people see them: the one that is installed here, headless, on loopback only."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from recourse.local.progress import LocalError

if TYPE_CHECKING:
    from playwright.async_api import Browser

PROGRAMS = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
MISSING = "There is no Chromium on PATH: install it, on Debian and Ubuntu with `apt-get install chromium`."
_ARGUMENTS = (
    # A page that names another host gets nothing from there, and the browser itself looks for no news.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
    "--disable-dev-shm-usage",
    "--force-color-profile=srgb",
    "--font-render-hinting=none",
)


def find_chromium() -> Path | None:
    """The Chromium or Chrome that is installed on this machine; None where there is none."""
    found = next(filter(None, map(shutil.which, PROGRAMS)), None)
    return Path(found) if found else None


@asynccontextmanager
async def browser() -> "AsyncIterator[Browser]":
    """A headless browser, for as long as the block runs. Raises LocalError where Chromium or playwright is missing."""
    program = find_chromium()
    if program is None:
        raise LocalError(MISSING)
    try:
        from playwright.async_api import async_playwright
    except ImportError as error:
        raise LocalError("playwright is not installed: run `make setup`, which installs it.") from error
    # Chromium's own sandbox does not start as root, as which containers run.
    as_root = ("--no-sandbox",) if os.geteuid() == 0 else ()
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(executable_path=program, args=[*_ARGUMENTS, *as_root])
        try:
            yield opened
        finally:
            await opened.close()
