"""Forms, previews and confirmations: what is sent is what was seen, once."""

import asyncio
import re
from typing import Any
from urllib.parse import urlencode

import pytest

from recourse.resolution.model.record import Export
from tests.http.conftest import Orders
from tests.pages.conftest import Visitors, started
from tests.process.conftest import Marketplace

CANCEL = ("client", "request", {"kind": "cancel", "reason": "no_longer_needed", "comment": "We stopped."})


async def test_a_request_is_previewed_confirmed_and_shown_to_both(
    marketplace: Marketplace, visitor: Visitors, order: Orders
) -> None:
    order_id, client, freelancer = await order(), await visitor("client"), await visitor("freelancer")
    await client.open(f"orders/{order_id}/request-cancel")
    await client.submit("preview", reason="no_longer_needed", comment="We stopped.")
    assert "As soon as you confirm" in client.words
    assert "If it is accepted" in client.words
    assert "105.50 USD" in client.words
    assert "Nothing is done yet" in client.words
    assert (await marketplace.recourse.order(order_id).show("client")).request is None
    await client.submit("confirm")
    assert "Done." in client.words
    assert "Waiting for the freelancer's answer" in client.words
    await freelancer.open(f"orders/{order_id}")
    assert "Your answer is needed" in freelancer.words
    assert "We stopped." in freelancer.words
    assert "1 day 23 hours left" in freelancer.words
    assert "Silence counts as agreement." in freelancer.words
    await freelancer.do(order_id, "accept")
    assert "This order is canceled" in freelancer.words
    resolution = (await marketplace.recourse.order(order_id).show("client")).resolution
    assert resolution
    assert resolution.how == "mutual"


async def test_a_form_of_no_page_of_this_session_does_nothing(
    marketplace: Marketplace, visitor: Visitors, order: Orders
) -> None:
    order_id, client, other = await order(), await visitor("client"), await visitor("freelancer")
    await client.open(f"orders/{order_id}/message")
    action, fields = client.fields()
    await other.open(f"orders/{order_id}/message")
    for proof in ("", "0" * 64, "ü", other.fields()[1]["proof"][0]):
        body = urlencode({**fields, "proof": proof, "comment": "x", "step": "confirm", "command_id": "0" * 32})
        answer = await client.http.post(action, content=body)
        assert answer.status_code == 403
        assert "Nothing has changed" in answer.text
    assert (await marketplace.recourse.order(order_id).show("operator")).record_length == 0


async def test_nobody_who_is_signed_out_does_anything(visitor: Visitors, order: Orders) -> None:
    order_id, nobody = await order(), await visitor()
    assert (await nobody.open(f"orders/{order_id}/message")).status_code == 401
    assert (await nobody.http.post(f"/pages/orders/{order_id}/message", content="step=confirm")).status_code == 401


async def test_a_double_click_is_one_command(marketplace: Marketplace, visitor: Visitors, order: Orders) -> None:
    order_id, client = await order(), await visitor("client")
    await client.open(f"orders/{order_id}/request-cancel")
    await client.submit("preview")
    action, fields = client.fields()
    body = urlencode({**fields, "step": ["confirm"]}, doseq=True)
    answers = await asyncio.gather(*(client.http.post(action, content=body) for _ in range(6)))
    later = await client.http.post(action, content=body)
    assert {answer.status_code for answer in (*answers, later)} == {303}
    assert (await marketplace.recourse.order(order_id).show("operator")).record_length == 1


async def test_a_form_that_comes_back_carries_a_new_id(
    marketplace: Marketplace, visitor: Visitors, order: Orders
) -> None:
    order_id, client = await order("upwork"), await visitor("client")
    await client.open(f"orders/{order_id}/request-cancel")
    await client.submit("preview", amount="20", comment="We stop here.")
    first = client.fields()[1]["command_id"]
    assert (await client.submit("confirm", amount="1000000")).status_code == 422
    assert "command_id" not in client.fields()[1]
    assert (await client.submit("preview", amount="30")).status_code == 200
    assert client.fields()[1]["command_id"] != first
    await client.submit("confirm")
    assert "Done." in client.words
    request = (await marketplace.recourse.order(order_id).show("client")).request
    assert request
    assert (request.number, request.amount) == (1, 3000)


async def test_the_id_of_another_command_is_not_taken_for_this_one(
    marketplace: Marketplace, visitor: Visitors, order: Orders
) -> None:
    order_id, client = await order(), await visitor("client")
    await client.do(order_id, "note-to-staff", text="Hello")
    await client.open(f"orders/{order_id}/note-to-staff")
    await client.submit("preview", text="Hello again")
    used = client.fields()[1]["command_id"][0]
    await client.submit("confirm")
    await client.open(f"orders/{order_id}/request-cancel")
    await client.submit("preview")
    await client.submit("confirm", command_id=used)
    assert client.answer.status_code == 409
    assert "This form was sent before with something else in it." in client.words
    assert (await marketplace.recourse.order(order_id).show("client")).request is None
    await client.submit("preview")
    await client.submit("confirm")
    assert "Done." in client.words


async def test_only_what_can_be_done_is_said_to_be_done(visitor: Visitors, order: Orders) -> None:
    order_id, client = await order(), await visitor("client")
    await client.open(f"orders/{order_id}?done=anything")
    assert "Done." not in client.words


async def test_an_old_page_accepts_nothing_that_was_not_on_it(
    marketplace: Marketplace, visitor: Visitors, order: Orders
) -> None:
    ask = ("client", "request", {"kind": "cancel", "amount": 2000, "comment": "The sketch is enough."})
    order_id = await started(marketplace, order, ask, policy="upwork")
    freelancer = await visitor("freelancer")
    await freelancer.open(f"orders/{order_id}/accept")
    assert (await marketplace.by("client", order_id, "withdraw")).applied
    assert (await marketplace.by("client", order_id, "request", **{**ask[2], "amount": 2500})).applied
    answer = await freelancer.submit("preview")
    assert answer.status_code == 409
    assert "The offer has changed" in freelancer.words
    assert (await marketplace.recourse.order(order_id).show("freelancer")).phase == "in_progress"


async def test_a_confirmation_whose_outcome_has_changed_is_shown_again_first(
    marketplace: Marketplace, visitor: Visitors, order: Orders
) -> None:
    order_id, client = await order(), await visitor("client")
    await client.open(f"orders/{order_id}/request-cancel")
    await client.submit("preview")
    assert (await marketplace.by("freelancer", order_id, "deliver")).applied
    answer = await client.submit("confirm")
    assert answer.status_code == 409
    assert "The order has changed meanwhile" in client.words
    assert (await marketplace.recourse.order(order_id).show("client")).request is None
    assert (await client.submit("confirm")).status_code == 200
    assert "Done." in client.words


async def test_what_is_missing_is_said_at_its_field_and_what_was_typed_is_kept(
    visitor: Visitors, order: Orders
) -> None:
    order_id, client = await order("glimmer"), await visitor("client")
    await client.open(f"orders/{order_id}/request-cancel")
    answer = await client.submit("preview", comment="We changed our mind, <b>really</b>.", amount="abc")
    assert answer.status_code == 422
    for name in ("reason", "amount", "attestations"):
        assert f'id="{name}-wrong"' in client.text
        assert f'href="#{name}"' in client.text
    assert "We changed our mind, &lt;b&gt;really&lt;/b&gt;." in client.text
    assert 'value="abc"' in client.text
    said: dict[str, Any] = {"reason": "not_as_agreed", "attestations": ["discussed", "tried_to_resolve"]}
    await client.submit("preview", amount="100.01", **said)
    assert "outside of its bounds" in client.words or "true and confirmed" in client.words
    said["attestations"].append("agreed_compensation")
    await client.submit("preview", amount="100.01", **said)
    assert "The amount is outside of its bounds." in client.words
    assert (await client.submit("preview", amount="40.5", **said)).status_code == 200
    assert "40.50 USD" in client.words


async def test_who_looks_again_finds_what_was_typed(visitor: Visitors, order: Orders) -> None:
    order_id, client = await order(), await visitor("client")
    await client.open(f"orders/{order_id}/note-to-staff")
    await client.submit("preview", text="Two\nlines & more")
    assert "Two\nlines &amp; more" in client.text
    await client.submit("edit")
    assert client.fields()[1]["text"] == ["Two\nlines & more"]


async def test_what_a_party_writes_is_only_ever_text(
    marketplace: Marketplace, visitor: Visitors, order: Orders
) -> None:
    script = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
    evidence = {"title": script, "kind": script, "sha256": "0" * 64, "address": "javascript:alert(1)"}
    order_id = await started(
        marketplace,
        order,
        ("client", "message", {"comment": script}),
        ("client", "add_evidence", evidence),
        ("client", "request", {"kind": "cancel", "comment": script, "private_note": script}),
    )
    for role in ("client", "freelancer", "operator"):
        somebody = await visitor(role)
        await somebody.open(f"orders/{order_id}")
        assert "&lt;script&gt;alert(1)" in somebody.text
        assert "<script>alert" not in somebody.text
        assert "<img" not in somebody.text
        assert 'href="javascript' not in somebody.text


async def test_no_text_hides_or_turns_what_stands_around_it(
    marketplace: Marketplace, visitor: Visitors, order: Orders
) -> None:
    hiding, shown = "a\u202eb\u009bc", r"a\u202eb\u009bc"
    good, turned = "https://good.example\\@files.example/x", "https://files.example/\u202egpj.exe"
    evidence = {"kind": hiding, "sha256": "0" * 64}
    order_id = await started(
        marketplace,
        order,
        ("client", "add_evidence", {**evidence, "title": hiding, "address": good.replace("\\", "")}),
        ("client", "add_evidence", {**evidence, "title": "Second", "address": turned}),
        ("client", "add_evidence", {**evidence, "title": "Third", "address": good}),
        ("client", "message", {"comment": f"{hiding}\nsecond line"}),
    )
    reader = await visitor("freelancer")
    await reader.open(f"orders/{order_id}")
    assert not set("\u202e\u009b") & set(reader.text)
    assert f"<bdi>{shown}</bdi>" in reader.text
    assert f'<blockquote dir="auto">{shown}\nsecond line</blockquote>' in reader.text
    # What a browser asks is named; what hides in an address makes it no link.
    hosts = re.findall(r'href="https://([^"]*)".*?</a> <span class="faint">on <bdi>(.*?)</bdi>', reader.text)
    assert hosts == [
        ("good.example@files.example/x", "files.example"),
        ("good.example\\@files.example/x", "good.example"),
    ]


async def test_what_hides_is_sent_as_it_was_typed(marketplace: Marketplace, visitor: Visitors, order: Orders) -> None:
    order_id, client = await order(), await visitor("client")
    await client.open(f"orders/{order_id}/request-cancel")
    await client.submit("preview", comment="a\u202eb")
    assert r"a\u202eb" in client.words
    await client.submit("edit")
    assert client.fields()[1]["comment"] == ["a\u202eb"]
    await client.submit("preview")
    await client.submit("confirm")
    record = Export.model_validate(await marketplace.recourse.order(order_id).record("operator"))
    assert [entry.parsed.fields["comment"] for entry in record.entries if entry.parsed] == ["a\u202eb"]


async def test_private_words_reach_operators_alone(marketplace: Marketplace, visitor: Visitors, order: Orders) -> None:
    order_id = await started(
        marketplace,
        order,
        ("client", "request", {"kind": "cancel", "amount": 100, "comment": "x", "private_note": "A hidden note."}),
        ("freelancer", "accept", {}),
        ("client", "leave_feedback", {"visibility": "private", "rating": "negative", "text": "A hidden review."}),
        policy="upwork",
    )
    assert not (await marketplace.by("client", order_id, "accept")).applied
    freelancer, operator = await visitor("freelancer"), await visitor("operator")
    await freelancer.open(f"orders/{order_id}")
    assert "hidden" not in freelancer.words.lower()
    assert "Refused:" not in freelancer.words
    assert "Job success" not in freelancer.words
    await operator.open(f"orders/{order_id}")
    assert "A hidden note." in operator.words
    assert "A hidden review." in operator.words
    assert "Refused: tried to accept" in operator.words


async def test_a_closed_order_says_how_it_ended_and_takes_no_answer(
    marketplace: Marketplace, visitor: Visitors, order: Orders
) -> None:
    order_id = await started(marketplace, order, CANCEL)
    freelancer = await visitor("freelancer")
    await freelancer.open(f"orders/{order_id}/accept")
    assert (await marketplace.by("freelancer", order_id, "accept")).applied
    assert (await freelancer.submit("preview")).status_code == 409
    await freelancer.open(f"orders/{order_id}")
    assert "This order is canceled" in freelancer.words
    assert "How it ended" in freelancer.words
    assert f"/orders/{order_id}/accept" not in freelancer.text
    answer = await freelancer.open(f"orders/{order_id}/request-cancel")
    assert answer.status_code == 409
    assert "The order is closed" in freelancer.words


async def test_what_was_written_to_an_order_that_lost_its_workflow_stays_on_the_page(
    marketplace: Marketplace, visitor: Visitors, order: Orders
) -> None:
    order_id, client = await started(marketplace, order, CANCEL), await visitor("client")
    await client.open(f"orders/{order_id}/note-to-staff")
    await client.submit("preview", text="Are you there?")
    await marketplace.handle(order_id).terminate()

    await client.submit("confirm")

    assert client.answer.status_code == 503
    assert "This order is not running" in client.words
    assert "this has not arrived" in client.words
    assert "Are you there?" in client.words

    await client.open(f"orders/{order_id}/message")
    await client.submit(comment="Are you there?")
    sent = client.fields()
    assert client.answer.status_code == 503
    assert "This order is not running at the moment, so this has not arrived." in client.words
    assert sent[1]["comment"] == ["Are you there?"]


async def test_others_orders_do_not_exist(visitor: Visitors, order: Orders) -> None:
    order_id, stranger = await order(), await visitor("client", "c-2")
    assert (await stranger.open(f"orders/{order_id}")).status_code == 404
    assert (await stranger.open(f"orders/{order_id}/message")).status_code == 404
    assert (await stranger.open("queue")).status_code == 403
    assert order_id not in (await stranger.open("orders")).text


async def test_an_operator_who_is_a_party_sees_nothing(visitor: Visitors, order: Orders) -> None:
    order_id, operator = await order(), await visitor("operator", "f-1")
    assert (await operator.open(f"orders/{order_id}")).status_code == 409


@pytest.mark.parametrize("body", ["step=%FF", "a=b&" * 300, "{}"])
async def test_what_is_no_form_is_refused_on_a_page(visitor: Visitors, order: Orders, body: str) -> None:
    order_id, client = await order(), await visitor("client")
    answer = await client.http.post(f"/pages/orders/{order_id}/message", content=body)
    assert answer.status_code in (403, 422)
    assert answer.headers["content-type"].startswith("text/html")
