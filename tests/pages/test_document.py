"""What docs/pages.md says of commands, files and addresses is so."""

import re
from pathlib import Path

from recourse.web.pages.sessions import LASTS, LINK_LASTS, LONGEST_LINK
from tests.http.conftest import SECRETS, Orders
from tests.http.test_serving import run
from tests.pages.conftest import Visitors

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "pages.md").read_text(encoding="utf-8")


def test_every_file_that_it_names_is_there() -> None:
    named = re.findall(r"`(recourse/web/[\w./-]+)`", TEXT) + [
        f"docs/{link}" for link in re.findall(r"\]\(([\w.]+)\)", TEXT)
    ]
    assert len(named) >= 3
    assert [name for name in named if not (ROOT / name).is_file()] == []


def test_what_it_says_of_time_is_so() -> None:
    assert (LINK_LASTS.total_seconds(), LONGEST_LINK.days, LASTS.total_seconds()) == (600, 1, 12 * 3600)
    assert "for ten minutes" in TEXT
    assert "at most a day" in TEXT
    assert "lasts twelve hours" in TEXT


async def test_the_links_that_it_makes_sign_in(visitor: Visitors, order: Orders) -> None:
    order_id, commands = await order(), re.findall(r"^recourse (token .+)$", TEXT, re.MULTILINE)
    assert len(commands) == 2
    for command, shown in zip(commands, (f"Order {order_id}", "Cases that wait"), strict=True):
        given = command.replace("c-3", "c-1").replace("1001", order_id).split()
        status, out, _ = await run("recourse", *given, RECOURSE_TOKEN_KEYS=SECRETS)
        assert status == 0
        somebody = await visitor()
        await somebody.open(out.strip().removeprefix("http://127.0.0.1:8000/pages/"))
        assert shown in somebody.words
