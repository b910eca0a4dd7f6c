"""Notices by e-mail, to a real mail server: one receiver each, nothing smuggled into a header, any script."""

import contextlib
import re
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recourse.activities.about import About
from recourse.activities.extensions import NotDelivered
from recourse.activities.letters import letter
from recourse.activities.mail import MailChannel
from recourse.resolution.model.notice import Notice
from recourse.runtime.addresses import read_address, read_sender
from recourse.runtime.keys import KeyRing
from recourse.web.tokens import BadToken, Bearer, read_token
from tests.activities.conftest import NOW, Written
from tests.activities.receivers import MailReceiver, mail_receiver

ODD = [
    "a+b.c@x.example",
    "o'neil_{x}@x.example",
    '"a b"@x.example',
    '"a,b@c"@x.example',
    '"a\\"b"@x.example',
    "a@[127.0.0.1]",
    "a@xn--bcher-kva.example",
    "a_b@x_y.Example",
]
NONE = [
    "",
    "@",
    "a@",
    "@x.example",
    "nobody",
    "a@x.example, b@x.example",
    "a@x.example;b@x.example",
    "Bob <b@x.example>",
    "<b@x.example>",
    "a@x.example (a comment)",
    "a@x.example\nBcc: b@x.example",
    "a@x.example\r\n",
    "a\x00@x.example",
    "a@x.example\u2028",
    "a..b@x.example",
    "a" * 400 + "@x.example",
    "undisclosed-recipients:;",
    "\\@[",
    "=?utf-8?q?x?=@x.example",
]


def channel(post: MailReceiver, **options: Any) -> MailChannel:
    return MailChannel(post.url, "orders@market.example", "ops@market.example", patience=2, **options)


async def notice(comment: str = "Hello") -> Notice:
    [told] = await Written(order_id="o-1").by("client", "message", comment=comment)
    return told


async def test_a_mail_says_who_it_is_from_and_which_order_it_is_about(post: MailReceiver) -> None:
    told = await notice()
    await channel(post).send(told, "f@x.example")
    await channel(post).send(told, "f@x.example")
    first, again = post.mails
    message = first.message
    assert (first.sender, first.to) == ("orders@market.example", ["f@x.example"])
    assert message["From"] == "orders@market.example"
    assert message["To"] == "f@x.example"
    assert message["Subject"] == "Order o-1: message received"
    assert message["Auto-Submitted"] == "auto-generated"
    assert parsedate_to_datetime(message["Date"]).astimezone(UTC) == NOW
    assert message["Message-ID"] == again.message["Message-ID"]
    assert message["Message-ID"].endswith("@market.example>")
    assert first.text.rstrip("\n") == letter(told)


async def test_a_mail_has_a_text_and_a_page_and_comes_from_a_marketplace_with_a_name(post: MailReceiver) -> None:
    sender = MailChannel(post.url, "Glimmer Örders <orders@market.example>", reply_to="Help <help@market.example>")
    await sender.send(await notice("Grüße"), "f@x.example")
    [mail] = post.mails
    message = mail.message
    assert (mail.sender, mail.to) == ("orders@market.example", ["f@x.example"])
    assert str(message["From"]) == "Glimmer Örders <orders@market.example>"
    assert str(message["Reply-To"]) == "Help <help@market.example>"
    assert message.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    page = message.get_body(("html",))
    assert page
    assert "Grüße" in page.get_content()
    assert [part.defects for part in message.walk()] == [[], [], []]
    assert max(map(len, message.as_bytes().splitlines())) < 998


async def test_a_link_in_a_mail_signs_its_party_in_and_an_operator_only_reads_where_to_go(post: MailReceiver) -> None:
    keys, web = KeyRing({"link": b"k" * 32}), "https://orders.example"
    sender = MailChannel(post.url, "orders@market.example", web_url=web, link_keys=keys)
    about, told = About(client="c-1", freelancer="f-1"), await notice()
    await sender.send(told, "f@x.example", about)
    await sender.send(told.model_copy(update={"to": "operator"}), "ops@x.example", about)
    await MailChannel(post.url, "orders@market.example", web_url=web).send(told, "f@x.example", about)
    links = [re.findall(r"https://orders\.example/\S+", mail.text) for mail in post.mails]
    assert links[1] == links[2] == ["https://orders.example/pages/orders/o-1"]
    [address] = links[0]
    said = dict(parse_qsl(urlsplit(address).query))
    assert said["order"] == "o-1"
    link = read_token(keys, said["mail"], "recourse-mail")
    assert (link.bearer, bool(link.id)) == (Bearer(role="freelancer", id="f-1"), True)
    assert "signs you in, once" in post.mails[0].text
    with pytest.raises(BadToken):
        read_token(keys, said["mail"], "recourse-api")


@pytest.mark.parametrize(
    "text", ["Market orders@x.example", "Market <orders@x.example", "<b> <o@x.example>", "a\nb <o@x.example>", "<>"]
)
def test_a_sender_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not one e-mail address"):
        read_sender(text)


async def test_notices_of_one_order_stand_together_and_each_has_its_own_id(post: MailReceiver) -> None:
    # What is allowed in an order's id is not allowed in a Message-ID.
    order = Written(order_id="Shop:1..2-x")
    for told in [*await order.by("client", "message", comment="1"), *await order.by("client", "message", comment="2")]:
        await channel(post).send(told, "f@x.example")
    assert len({mail.message["References"] for mail in post.mails}) == 1
    assert len({mail.message["Message-ID"] for mail in post.mails}) == 2
    for mail in post.mails:
        assert mail.message["Message-ID"].count("..") == 0
        assert mail.message.defects == []


async def test_no_word_of_a_party_reaches_a_header(post: MailReceiver) -> None:
    told = await notice("x\r\nBcc: everybody@x.example\r\n\r\n.\r\nQUIT\r\n")
    await channel(post).send(told, "f@x.example")
    [mail] = post.mails
    assert mail.to == ["f@x.example"]
    assert mail.message["Bcc"] is None
    assert "> Bcc: everybody@x.example\n" in mail.text
    assert "> .\n> QUIT\n" in mail.text
    assert set(mail.message.keys()) == {
        "From",
        "To",
        "Subject",
        "Date",
        "Message-ID",
        "References",
        "Auto-Submitted",
        "Content-Type",
        "MIME-Version",
    }


@pytest.mark.parametrize(
    "words", ["Grüße, 世界 \U0001f4e6 \u202edrow", "x" * 10_000, "\t\x0b\x0c\x85\u2028.", "=?utf-8?q?x?="]
)
async def test_every_text_arrives_as_it_was_written(post: MailReceiver, words: str) -> None:
    told = await notice(words)
    await channel(post).send(told, "f@x.example")
    assert post.mails[0].text.rstrip("\n") == letter(told)


@pytest.mark.parametrize("address", ODD)
async def test_odd_addresses_are_reached(post: MailReceiver, address: str) -> None:
    assert read_address(address).addr_spec == address
    await channel(post).send(await notice(), address)
    assert [mail.to for mail in post.mails] == [[address]]


@pytest.mark.parametrize("address", NONE)
async def test_what_is_not_one_address_is_refused_without_repeating_it(post: MailReceiver, address: str) -> None:
    with pytest.raises(NotDelivered, match="the freelancer's address is not one e-mail address") as refused:
        await channel(post).send(await notice(), address)
    assert "x.example" not in str(refused.value)
    assert post.mails == []


async def test_names_in_any_script_need_a_server_that_knows_them(post: MailReceiver) -> None:
    told = await notice()
    for name in ("用户", "हिन्दी", '"ä b"'):
        await channel(post).send(told, f"{name}@x.example")
        assert post.mails[-1].to == [f"{name}@x.example"]
        async with mail_receiver(utf8=False) as old:
            with pytest.raises(NotDelivered, match="SMTPNotSupported"):
                await channel(old).send(told, f"{name}@x.example")


@pytest.mark.parametrize(
    ("domain", "sent"),
    [
        ("bücher.example", "xn--bcher-kva.example"),
        ("Bu\u0308cher.example", "xn--bcher-kva.example"),
        ("straße.example", "xn--strae-oqa.example"),
        ("例子.example", "xn--fsqu00a.example"),
        ("हिन्दी.example", "xn--j2bd4cyah0f.example"),
    ],
)
@pytest.mark.parametrize("utf8", [False, True])
async def test_a_domain_in_any_script_is_reached_through_any_server(domain: str, sent: str, utf8: bool) -> None:
    async with mail_receiver(utf8=utf8) as post:
        await MailChannel(post.url, f"orders@{domain}", patience=2).send(await notice(), f"anna@{domain}")
    [mail] = post.mails
    assert (mail.sender, mail.to) == (f"orders@{sent}", [f"anna@{sent}"])
    for header in ("Message-ID", "References"):
        assert mail.message[header].endswith(f"@{sent}>")


@pytest.mark.parametrize(
    "domain", ["ü" * 64 + ".example", "xn--ü.example", "\u0308a.example", "ü..example", "ü-.example"]
)
def test_a_domain_that_cannot_be_is_refused(domain: str) -> None:
    with pytest.raises(ValueError, match=r"^not one e-mail address such as name@example\.com$"):
        read_address(f"a@{domain}")


@given(
    text=st.text()
    | st.tuples(st.text(min_size=1), st.text(min_size=1)).map("@".join)
    | st.text(st.sampled_from('=?q[]@."\\(), ab'), max_size=20)
)
def test_any_text_is_an_address_that_is_taken_as_it_is_sent_or_none(text: str) -> None:
    with contextlib.suppress(ValueError):
        address = read_address(text)
        assert address.domain.isascii()
        assert read_address(address.addr_spec) == address


@pytest.mark.parametrize("size", [20, 38, 39, 70, 250])
async def test_ids_and_addresses_are_never_encoded_words_however_long_a_domain_is(
    post: MailReceiver, size: int
) -> None:
    domain = f"{'m' * 60}.{'n' * 60}.{'o' * 60}.{'p' * 60}.example"[-size:]
    for receiver in ("a@b.example", f"{'a' * 64}@{domain}"):
        await MailChannel(post.url, f"orders@{domain}").send(await notice(), receiver)
        headers = dict(post.mails[-1].message.raw_items())
        for header in ("From", "To", "Message-ID", "References"):
            assert "=?" not in headers[header]
        for header in ("Message-ID", "References"):
            assert headers[header].strip().endswith(f"@{domain}>")


async def test_a_server_that_takes_it_and_then_fails_has_it_and_one_that_refuses_it_has_not(post: MailReceiver) -> None:
    told = await notice()
    post.after_data.append("451 4.3.0 try again later")
    with pytest.raises(NotDelivered, match="mail: SMTPDataError 451"):
        await channel(post).send(told, "f@x.example")
    post.hangs_up_at_quit = True
    await channel(post).send(told, "f@x.example")
    assert len(post.mails) == 1


async def test_a_server_that_is_not_there_or_says_nothing_is_given_up_soon(post: MailReceiver) -> None:
    told = await notice()
    with pytest.raises(NotDelivered, match="mail: SMTPConnectError"):
        await MailChannel("smtp://127.0.0.1:1", "orders@market.example").send(told, "f@x.example")
    silent = MailChannel(post.url, "orders@market.example", patience=0.2)
    post.silent_at_data = True
    with pytest.raises(NotDelivered, match=r"mail: (TimeoutError|SMTPReadTimeoutError)"):
        await silent.send(told, "f@x.example")
    post.silent_at_data = False


@pytest.mark.parametrize("login", ["", "shop:secret@"])
async def test_nothing_goes_in_clear_to_a_server_that_is_not_on_this_machine(post: MailReceiver, login: str) -> None:
    told = await notice()
    # This machine, by an address that is no loopback address.
    elsewhere = MailChannel(f"smtp://{login}0.0.0.0:{post.port}", "orders@market.example")
    with pytest.raises(NotDelivered, match="mail: the server offers no STARTTLS, so nothing was sent"):
        await elsewhere.send(told, "f@x.example")
    assert post.mails == []


def test_the_address_of_the_server_may_hold_a_user_and_odd_letters() -> None:
    made = MailChannel("smtps://us%40er:p%3Aw%2F@mail.example", "orders@market.example")
    assert (made._host, made._port, made._user, made._password, made._tls) == (
        "mail.example",
        465,
        "us@er",
        "p:w/",
        True,
    )
    assert MailChannel("smtp://mail.example:587", "orders@market.example")._port == 587
