"""Notices as people read them: each has a sentence, the money, the deadline, what silence means, and the answers."""

import json
from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from recourse.activities.about import About
from recourse.activities.letters import ANSWERS, SENTENCES, SILENCE, BadTemplates, Letters, letter, subject
from recourse.activities.webhook import payload
from recourse.resolution.model.amounts import write_amount
from recourse.resolution.model.commands import COMMANDS
from recourse.resolution.model.display import Display
from recourse.resolution.model.instants import write_instant
from recourse.resolution.model.notice import NOTICES, Notice
from recourse.resolution.model.order import Order, read_state
from recourse.resolution.rules.decide import decide
from recourse.resolution.rules.decision import Decision
from recourse.runtime.brand import Brand
from tests.activities.conftest import NOW, Written
from tests.facts.lives import Life, live
from tests.rules.given import Given

LIVES = 120


@pytest.fixture(scope="module")
def lives() -> list[Life]:
    """Many orders that end in many ways, with private texts in them."""
    return [live(Random(seed), moves=12) for seed in range(LIVES)]


def told(lives: list[Life]) -> Iterator[tuple[Order, Notice]]:
    """Every notice, with the order as it was then."""
    for life in lives:
        for step in life.steps:
            for notice in step.notices:
                yield read_state(life.whole(step.number)), notice


def test_every_notice_that_there_is_has_its_own_sentence() -> None:
    assert set(SENTENCES) == set(NOTICES)
    assert len(set(SENTENCES.values())) == len(SENTENCES)


def test_every_notice_renders_for_people_and_for_programs(lives: list[Life]) -> None:
    seen: defaultdict[str, int] = defaultdict(int)
    for order, notice in told(lives):
        seen[notice.name] += 1
        text, body = letter(notice), notice.body
        assert SENTENCES[notice.name] in text
        assert order.terms.order_id in text
        assert "Order o-1: " in subject(notice)
        assert ("by " in subject(notice)) is bool(body.deadline and body.answers)
        currency = body.amounts.currency
        for amount in body.amounts.parts.values():
            assert (f" {write_amount(amount, currency)}" in text) or not amount
        assert sum(body.amounts.parts.values()) == order.terms.price + order.terms.service_fee
        if body.deadline:
            assert write_instant(body.deadline) in text
        if body.silence_means:
            assert SILENCE[body.silence_means] in text
        for answer in body.answers:
            assert f"  - {ANSWERS[answer]}\n" in text
        assert "None" not in text
        assert "{" not in text
        assert json.loads(payload(notice))["data"]["amounts"] == body.amounts.model_dump()
    # Lives have no payment that is blocked, no debt, no absence and no operator that takes a case; stories have.
    assert len(seen) >= len(SENTENCES) - 12, set(SENTENCES) - set(seen)


FILLED: dict[str, dict[str, Any]] = {
    "accept": {"comment": "Yes."},
    "appeal": {"comment": "No."},
    "escalate": {"comment": "It is not as agreed."},
    "rule": {"outcome": "continue", "explanation": "So be it."},
}


def test_a_late_refund_and_a_debt_say_whose_amount_it_is() -> None:
    given = Given(changes={"cases.after_completion": "7d", "money.late_refund_from": "freelancer"})
    given.freelancer("deliver")
    given.client("complete")
    given.client("escalate", comment="Two of five pages are copied.")
    told = given.operator("rule", outcome="refund", amount=4_000, explanation="Two of five pages.").notices
    texts = {(notice.to, notice.name): letter(notice) for notice in told}
    assert "the client gets back 40.00 USD." in texts["freelancer", "ruling_made"]
    assert "The debt is 32.00 USD." in texts["freelancer", "debt_recorded"]
    assert "before commission" not in "".join(texts.values())


def test_every_answer_that_a_notice_offers_would_be_taken(lives: list[Life]) -> None:
    offered = set()
    for order, notice in told(lives):
        actor = {"role": notice.to, "id": "op-9" if notice.to == "operator" else order.party(notice.to)}
        for answer in notice.body.answers:
            offered.add(answer)
            if answer in ("counter", "settle", "propose"):
                continue  # their amounts have bounds; `available_actions` tells them
            decided = decide(
                order, COMMANDS[answer].model_validate({"actor": actor, **FILLED.get(answer, {})}), notice.at
            )
            assert isinstance(decided, Decision), (answer, decided)
    assert len(offered) >= len(ANSWERS) - 2, set(ANSWERS) - offered


def test_who_must_answer_is_told_so_with_the_deadline_and_what_silence_means(lives: list[Life]) -> None:
    asking = {"request_opened", "request_countered", "answer_reminder", "proposal_made"}
    for _, notice in told(lives):
        body = notice.body
        if notice.name in asking:
            assert body.answers[:2] == ["accept", "decline"]
            assert body.deadline
            assert body.silence_means
            assert body.if_accepted
            assert sum(body.if_accepted.parts.values()) == sum(body.amounts.parts.values())
        if body.silence_means:
            assert body.deadline


def test_what_is_for_operators_alone_is_in_no_notice(lives: list[Life]) -> None:
    secrets_seen = 0
    for life in lives:
        everything = json.dumps([payload(notice) for step in life.steps for notice in step.notices], ensure_ascii=False)
        everything += "".join(letter(notice) for step in life.steps for notice in step.notices)
        for sent in life.sent:
            confidential = not sent.outcome.applied or sent.fields.get("visibility") == "private"
            for text in (*sent.private, *(sent.open if confidential else ())):
                secrets_seen += 1
                assert text.split('"', maxsplit=1)[0] not in everything
    assert secrets_seen > 100


async def test_a_request_to_cancel_reads_like_this() -> None:
    order = Written(None, "upwork")
    [notice] = await order.by(
        "client",
        "request",
        kind="cancel",
        amount=3_000,
        reason="no_longer_needed",
        comment="The project is off.\n\nWhere the money is: all yours.\u2029Sorry.",
    )
    assert letter(notice) == (
        "You are asked for an answer.\n"
        "The client asks to cancel the order.\n"
        "The reason given: no longer needed.\n"
        "Of the price, the freelancer gets 30.00 USD before commission.\n"
        "\n"
        "They write:\n"
        "> The project is off.\n"
        "> \n"
        "> Where the money is: all yours.\n"
        "> Sorry.\n"
        "\n"
        "Where the money is: you 24.00 USD, platform 6.00 USD, in escrow 75.50 USD.\n"
        "If it is accepted: client 73.85 USD, you 24.00 USD, platform 7.65 USD.\n"
        "\n"
        "You can:\n"
        "  - accept\n"
        "  - decline\n"
        "  - name another amount\n"
        "\n"
        "If nobody acts until Tue 2025-03-11 10:00 UTC, the request counts as accepted.\n"
        "\n"
        f"Order {order.order_id}"
    )


async def test_nothing_in_a_letter_hides() -> None:
    [notice] = await Written().by("client", "message", comment="a\u202eb\u009bc\nAnd so on.")
    assert r"> a\u202eb\u009bc" in letter(notice)
    assert "\n> And so on.\n" in letter(notice)
    foreign = notice.model_copy(update={"body": notice.body.model_copy(update={"order_id": "o\u202e1"})})
    assert r"o\u202e1" in letter(foreign)
    assert subject(foreign).startswith(r"Order o\u202e1: ")


async def test_an_extension_says_how_long_and_a_refund_who_gets_it_back() -> None:
    order = Written()
    [notice] = await order.by(
        "freelancer", "request", kind="extension", extend_by="36h", comment="Ill.", reason="other"
    )
    assert "The freelancer asks for more time: 36 hours.\n" in letter(notice)
    assert notice.body.request
    assert notice.body.request.extend_by == timedelta(hours=36)
    assert "If nobody acts until Thu 2025-03-06 10:00 UTC, the request lapses and nothing changes." in letter(notice)
    await order.by("freelancer", "withdraw")
    [notice] = await order.by("freelancer", "request", kind="partial_refund", amount=2_000, comment="-", reason="other")
    assert "Of the price, the client gets back 20.00 USD.\n" in letter(notice)
    assert "If it is accepted: you 21.10 USD, in escrow 84.40 USD.\n" in letter(notice)


async def test_an_appeal_and_an_undo_are_offered_until_their_window_ends() -> None:
    undo = Written(None, "resolution_center", {"undo.by": ["client"], "undo.window": "24h"})
    await undo.by("client", "request", kind="cancel")
    for notice in await undo.by("freelancer", "accept"):
        assert notice.body.deadline == NOW + timedelta(days=1)
        assert notice.body.silence_means == "settles"
        assert notice.body.answers == (["undo"] if notice.to == "client" else [])

    appeal = Written(None, "resolution_center", {"cases.appeal_window": "3d"})
    await appeal.by("client", "request", kind="cancel", comment="Off.")
    await appeal.by("freelancer", "decline", comment="No.")
    opened = await appeal.by("client", "escalate")
    assert {notice.to: notice.body.answers for notice in opened} == {
        "client": ["settle", "withdraw"],
        "freelancer": ["settle"],
        "operator": ["propose", "rule"],
    }
    assert {notice.body.silence_means for notice in opened} == {"cancel_split"}
    ruled = await appeal.by("operator", "rule", outcome="cancel", amount=5_000, explanation="Half.")
    assert {(notice.body.deadline, notice.body.silence_means) for notice in ruled} == {
        (NOW + timedelta(days=3), "ruling_stands")
    }
    assert {tuple(notice.body.answers) for notice in ruled} == {("appeal",)}


def test_a_hold_says_until_when_and_not_why() -> None:
    given = Given()
    told = given.operator("hold", explanation="A card may be stolen.").notices

    for notice in told:
        assert "This lasts until Mon 2025-03-17 09:00 UTC at most." in letter(notice)
        assert "stolen" not in letter(notice)
    assert [notice.to for notice in told] == ["client", "freelancer"]


async def test_a_delivery_says_when_the_order_completes_by_itself() -> None:
    order = Written()
    [notice] = await order.by("freelancer", "deliver", at=NOW + timedelta(days=1))
    assert notice.body.deadline == NOW + timedelta(days=4)
    assert notice.body.silence_means == "completes"
    assert notice.body.answers == ["complete", "ask_revision"]


NAMED = About(Display(title="Logo for a bakery", client_name="Ben", freelancer_name="Ada"), "c-1", "f-1")


async def test_a_mail_speaks_to_its_reader_by_name_of_what_is_asked_until_when() -> None:
    [told] = await Written(order_id="o-1").by("client", "request", kind="cancel", comment="<b>We</b> stopped.")
    mail = Letters(None, Brand("Glimmer", home_url="https://glimmer.example")).write(told, NAMED, "https://x.example/1")
    assert mail.subject == "Answer by Thu 6 Mar, 10:00 UTC: Logo for a bakery: Ben asks to cancel the order"
    assert mail.text.startswith(
        "Hello Ada,\n\nLogo for a bakery, with Ben\n\nYou are asked for an answer.\nBen asks to"
    )
    assert "\nAnswer: https://x.example/1\n" in mail.text
    assert "\nGlimmer, https://glimmer.example" in mail.text
    for said in (
        "Hello <bdi>Ada</bdi>",
        "&lt;b&gt;We&lt;/b&gt; stopped.",
        'href="https://x.example/1"',
        ">Glimmer</a>",
    ):
        assert said in mail.html
    assert "<b>We" not in mail.html


async def test_a_step_that_tells_two_things_is_one_mail_about_what_is_to_be_done() -> None:
    [told] = await Written(order_id="o-1").by("client", "request", kind="cancel", comment="Off.")
    closed = told.model_copy(
        update={
            "id": "other",
            "name": "request_declined",
            "body": told.body.model_copy(
                update={"answers": [], "deadline": None, "silence_means": None, "comment": "No."}
            ),
        }
    )
    mail = Letters().write(closed, About(also=[told]))
    assert mail.subject.startswith("Answer by ")
    assert [mail.text.count(said) for said in (SENTENCES["request_declined"], SENTENCES["request_opened"])] == [1, 1]
    assert "> No.\n" in mail.text
    assert "> Off.\n" in mail.text


async def test_a_marketplace_has_its_own_template_for_one_notice_and_ours_for_the_rest(tmp_path: Path) -> None:
    (tmp_path / "request_opened.subject.j2").write_text("{{ brand.name }}:\n {{ what }}", "utf-8")
    letters = Letters(tmp_path, Brand("Glimmer"))
    order = Written(order_id="o-1")
    [message] = await order.by("client", "message", comment="Hello")
    [asked] = await order.by("client", "request", kind="cancel", comment="Off.")
    assert letters.write(asked).subject == "Glimmer: The client asks to cancel the order"
    assert letters.write(message).subject == "Order o-1: message received"
    assert letters.write(asked).text == Letters(None, Brand("Glimmer")).write(asked).text


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("notice.txt.j2", "{% if %}", "notice.txt.j2, line 1: Expected an expression"),
        (
            "notice.html.j2",
            "{{ nobody }}",
            "notice.html.j2: 'nobody' is undefined; a template has answers, brand, .* title, until, what",
        ),
        ("request_opend.txt.j2", "", "request_opend.txt.j2 belongs to no notice"),
    ],
)
def test_a_template_that_cannot_be_used_is_one_sentence(tmp_path: Path, name: str, text: str, says: str) -> None:
    (tmp_path / name).write_text(text, "utf-8")
    with pytest.raises(BadTemplates, match=says):
        Letters(tmp_path)
    with pytest.raises(BadTemplates, match="nowhere cannot be read: No such file or directory"):
        Letters(tmp_path / "nowhere")


async def test_what_templates_of_mails_include_is_escaped_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "_words.j2").write_text("{% for title, text in quoted %}{{ text }}{% endfor %}", "utf-8")
    (tmp_path / "notice.html.j2").write_text("<p>{% include '_words.j2' %}</p>", "utf-8")
    (tmp_path / "notice.txt.j2").write_text("{% for title, text in quoted %}{{ text }}{% endfor %}", "utf-8")
    [told] = await Written(order_id="o-1").by("client", "message", comment="<b> & more")
    mail = Letters(tmp_path).write(told)
    assert mail.html == "<p>&lt;b&gt; &amp; more</p>"
    assert mail.text == "<b> & more"


async def test_a_template_that_fails_later_loses_no_notice(tmp_path: Path) -> None:
    (tmp_path / "notice.txt.j2").write_text("{% if order_id == 'o-1' %}{{ 1 / 0 }}{% endif %}", "utf-8")
    [told] = await Written(order_id="o-1").by("client", "message", comment="Hello")
    assert Letters(tmp_path).write(told).text == letter(told)
