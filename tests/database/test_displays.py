"""What people call orders: kept, changed as a whole, found for lists, and erased with the person or the order."""

from typing import Any

import pytest
from pydantic import ValidationError

from recourse.database.displays import read_display, read_displays, write_display
from recourse.database.orders import write_contacts
from recourse.resolution.model.display import Display, order_name
from tests.database.test_erasing import ERASE, EVERYBODY, dump, written

LOGO = Display(
    title="Logo for a bakery",
    link="https://market.example/orders/1002",
    image="https://cdn.example/1002.png",
    client_name="Ben",
    freelancer_name="Ada",
)


async def test_it_is_changed_as_a_whole_and_found_for_a_list(pool: Any) -> None:
    await write_display(pool, "o-1", LOGO)
    await write_display(pool, "o-2", Display())
    assert await read_displays(pool, ["o-1", "o-2", "o-3"]) == {"o-1": LOGO}
    await write_display(pool, "o-1", Display(title="Another logo"))
    assert await read_display(pool, "o-1") == Display(title="Another logo")


async def test_a_name_goes_with_the_person_and_a_title_with_the_words(pool: Any) -> None:
    await written(pool, 1)
    await write_display(pool, "o-1", LOGO)
    await write_contacts(pool, "o-1", {"client": "c@example.org"})
    assert await pool.fetchval(ERASE, "o-1", "contacts", ["client"]) == 2
    assert await pool.fetchval(ERASE, "o-1", "contacts", ["client"]) == 0
    assert await read_display(pool, "o-1") == LOGO.model_copy(update={"client_name": None})
    await pool.execute(ERASE, "o-1", "texts", ["freelancer"])
    assert await read_display(pool, "o-1") == Display(freelancer_name="Ada")
    await pool.execute(ERASE, "o-1", "contacts", EVERYBODY)
    assert await read_display(pool, "o-1") is None


async def test_it_goes_with_the_order(pool: Any) -> None:
    await written(pool, 1)
    await write_display(pool, "o-1", LOGO)
    await pool.execute("SELECT count_facts(1000)")
    await pool.execute(ERASE, "o-1", "order", EVERYBODY)
    assert "bakery" not in await dump(pool)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("title", text) for text in ("", " ", " Logo", "two\nlines", "\u202egol", "x\x00", "x" * 201)),
        ("client_name", "x" * 101),
        *(
            ("link", text)
            for text in ("", "http://a.example/", "javascript:alert(1)", "https://", "https://a b.example")
        ),
        *(
            ("image", text)
            for text in ("https://user@a.example/", "https://a.example;script-src", "https://a.example/ ")
        ),
        ("link", f"https://a.example/{'x' * 2000}"),
        ("subtitle", "x"),
    ],
)
def test_what_no_page_can_show_is_refused(field: str, value: str) -> None:
    with pytest.raises(ValidationError):
        Display.model_validate({field: value})


def test_a_party_reads_the_title_and_the_others_name() -> None:
    assert order_name("1002", LOGO, "client") == "Logo for a bakery, with Ada"
    assert order_name("1002", LOGO, "freelancer") == "Logo for a bakery, with Ben"
    assert order_name("1002", LOGO, "operator") == "Logo for a bakery, with Ben and Ada"
    assert order_name("1002", Display(freelancer_name="Ada"), "client") == "Order 1002, with Ada"
    assert order_name("1002", None, "client") == "Order 1002"
