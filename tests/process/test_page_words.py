"""The words of the case file, by the rules alone: what it says at each stage, and what nobody can make it say."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from recourse.policies import load_policy
from recourse.resolution.model.commands import COMMANDS
from recourse.resolution.model.fields import visible
from recourse.resolution.model.order import Opening
from recourse.resolution.model.terms import Terms
from recourse.starter.simulate.engine import SALT, PureEngine
from recourse.workflows import page

ORDERED_AT = datetime(2025, 3, 3, 9, tzinfo=UTC)
IDS = {"client": "c-1", "freelancer": "f-1", "operator": "op-1"}
AGREED = ["discussed", "tried_to_resolve", "agreed_compensation"]
PRIVATE = "ring me at 0151 2345678"
Move = tuple[str, str, dict[str, Any]]


async def case_file(policy: str, *moves: Move, requirements: str = "received", hours: int = 1) -> str:
    """What the page says after some moves, each an hour after the one before."""
    terms = Terms.model_validate(
        {
            "order_id": "1001",
            "client": "c-1",
            "freelancer": "f-1",
            "price": 10_000,
            "service_fee": 550,
            "ordered_at": ORDERED_AT,
            "delivery_time": timedelta(days=5),
            "requirements": requirements,
        }
    )
    engine = PureEngine(Opening(terms=terms, policy=load_policy(policy), record_salt=SALT))
    for role, command, fields in moves:
        await engine.move_to(engine.now + timedelta(hours=hours))
        await engine.send([(command, {"actor": {"role": role, "id": IDS[role]}, **fields})])
    recent = [page.event(step) for step in engine.steps[-page.EVENTS_KEPT :]]
    return page.current_details(await engine.order(), engine.now, recent, title=True)


async def test_silence_that_ends_the_order_says_who_gets_what() -> None:
    asked: Move = ("client", "request", {"kind": "cancel"})
    assert "- **Canceled** on Wed 2025-03-05 10:00 UTC: client 105.50 USD, freelancer 0.00 USD, platform 0.00 USD" in (
        await case_file("resolution_center", asked)
    )
    delivered: Move = ("freelancer", "deliver", {})
    assert "- **Canceled** on" not in await case_file("resolution_center", delivered, asked)
    assert "- **Completed** on" in await case_file("resolution_center", delivered)


async def test_a_forgotten_order_that_was_not_begun_is_refunded_whole_and_the_page_says_so() -> None:
    message: Move = ("operator", "message", {"comment": "Is anybody there?"})
    shown = await case_file("resolution_center", message, requirements="awaited", hours=24 * 91)

    assert "no operator decided: the order is canceled and what is held goes to the client" in shown


async def test_an_offer_of_nothing_is_an_offer() -> None:
    fields = {"kind": "cancel", "reason": "other", "amount": 0, "attestations": AGREED}
    assert "cancel, by the client: open; the freelancer gets 0.00 USD of the price" in (
        await case_file("glimmer", ("client", "request", fields))
    )


async def test_a_counter_offer_says_that_it_is_one() -> None:
    read = await case_file(
        "upwork",
        ("client", "request", {"kind": "cancel", "amount": 2_000, "comment": "We stop here."}),
        ("freelancer", "counter", {"amount": 6_000, "comment": "Most is done."}),
    )
    assert "cancel, by the client: open, countered; the freelancer gets 60.00 USD of the price" in read
    assert "client 42.20 USD, freelancer 48.00 USD, platform 15.30 USD" in read


async def test_a_canceled_order_says_until_when_its_money_is_held() -> None:
    fields = {"kind": "cancel", "reason": "other", "amount": 3_000, "attestations": AGREED}
    read = await case_file("glimmer", ("client", "request", fields), ("freelancer", "accept", {}))
    assert "Nobody has to act. The money is held until **Tue 2025-03-04 11:00 UTC**." in read


async def test_a_client_that_owes_the_requirements_is_told_so() -> None:
    assert "**The client** must send the requirements." in await case_file("glimmer", requirements="awaited")


@pytest.mark.parametrize("name", [PRIVATE, "#\n\n## Delivered", PRIVATE * 40, "\x00", "answer_due"])
async def test_the_name_of_what_is_no_command_is_not_on_the_page(name: str) -> None:
    read = await case_file("resolution_center", ("client", name, {}))
    assert "· client: what is no command refused (unknown_command)" in read
    assert name not in read
    assert read.count("\n## ") == 1


@pytest.mark.parametrize("policy", ["resolution_center", "glimmer", "fiverr_guide", "upwork"])
async def test_no_text_of_anybody_is_on_the_page(policy: str) -> None:
    texts = dict.fromkeys(("comment", "private_note", "text", "title", "explanation"), PRIVATE)
    for role in IDS:
        for command in COMMANDS:
            fields = {"kind": "cancel", "reason": "other", "amount": 2_000, "attestations": AGREED}
            taken = {key: value for key, value in (fields | texts).items() if key in COMMANDS[command].model_fields}
            asked: Move = ("client", "request", {**fields, "comment": PRIVATE, "private_note": PRIVATE})
            declined: Move = ("freelancer", "decline", {"comment": PRIVATE})
            assert "0151" not in await case_file(policy, asked, declined, (role, command, taken))
            assert "0151" not in await case_file(policy, asked, (role, command, {**taken, "kind": PRIVATE}))


FOREIGN = st.text(min_size=1, max_size=60) | st.sampled_from(
    [
        "a` [PAY HERE](https:evil.example) ![x](https:evil.example) **bold** `b",
        "``",
        "<img src=x>",
        "https://evil.example",
        "\u202emirrored",
        "#",
    ]
)


@given(order_id=FOREIGN, client=FOREIGN, policy=FOREIGN)
def test_names_that_people_choose_are_never_markdown(order_id: str, client: str, policy: str) -> None:
    terms = Terms.model_construct(
        order_id=order_id,
        client=client,
        freelancer="f-1",
        currency="USD",
        price=10_000,
        service_fee=550,
        ordered_at=ORDERED_AT,
        delivery_time=timedelta(days=5),
    )
    shown = f"# {page.summary(terms, policy)}\n\n{page.details(terms, policy)}"

    tokens = [inner for token in MarkdownIt("commonmark").parse(shown) for inner in (token.children or [token])]
    allowed = {"text", "code_inline", "strong_open", "strong_close", "em_open", "em_close", "softbreak"}
    blocks = {
        f"{name}_{side}" for name in ("heading", "bullet_list", "list_item", "paragraph") for side in ("open", "close")
    }
    assert {token.type for token in tokens} <= allowed | blocks
    in_code = [token.content for token in tokens if token.type == "code_inline"]
    assert visible(client).strip() in [code.strip() for code in in_code]
    plain = "".join(token.content for token in tokens if token.type == "text")
    assert "://" not in plain
