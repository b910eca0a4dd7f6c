"""A marketplace's own notice channel: it gets every notice, and whatever it does, nothing else waits for it."""

import asyncio
import importlib.util
import threading
from pathlib import Path
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from recourse.activities.channels import BadChannel, OwnChannel, load_channels
from recourse.ports import NotDelivered, Notice
from tests.activities.conftest import Written
from tests.activities.receivers import HttpReceiver

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "channel-apprise" / "chat.py"


class Pager:
    """Keeps what it is sent, or does what it is told."""

    receivers = ["operator", "freelancer"]

    def __init__(self, does: Any = None) -> None:
        self.got: list[tuple[str, str | None]] = []
        self._does = does

    async def send(self, notice: Notice, email: str | None) -> None:
        if self._does is not None:
            await self._does(notice)
        self.got.append((f"{notice.name} to {notice.to}", email))


class Slow(Pager):
    timeout = 0.2


def pager() -> Pager:
    return Pager()


class Silent:
    receivers = ("client", "judge")

    def send(self, notice: Notice, email: str | None) -> None: ...


class Mute:
    """It cannot send."""


async def disputed(pool: Any) -> Written:
    order = await Written(pool, changes={"requests.cancel.on_decline": "escalate"}).open(freelancer="f@x.example")
    await order.by("client", "request", kind="cancel")
    await order.by("freelancer", "decline", comment="It is nearly done.")
    return order


async def test_it_gets_the_notices_of_its_receivers_once_whatever_its_name(pool: Any) -> None:
    own = Pager()
    order = await disputed(pool)
    assert await order.deliver(OwnChannel("pager", own)) == "3 delivered, up to step 0"
    assert await order.deliver(OwnChannel("pager", own)) == "0 delivered, up to step 0"
    assert sorted(own.got, key=str) == [
        ("case_opened to freelancer", "f@x.example"),
        ("case_opened to operator", None),
        ("request_opened to freelancer", "f@x.example"),
    ]


async def _raises(notice: Notice) -> None:
    raise ZeroDivisionError("secret@x.example")


async def _hangs(notice: Notice) -> None:
    await asyncio.Event().wait()


async def _refuses(notice: Notice) -> None:
    raise NotDelivered("the pager is full")


@pytest.mark.parametrize(
    ("own", "says"),
    [
        (Pager(_raises), "case_opened to the operator: pager: ZeroDivisionError"),
        (Slow(_hangs), "case_opened to the operator: pager: pager gave no answer within 0.2 s."),
        (Pager(_refuses), "case_opened to the operator: the pager is full"),
    ],
    ids=["raises", "hangs", "refuses"],
)
async def test_one_that_fails_says_so_in_a_sentence_and_holds_back_no_other(pool: Any, own: Pager, says: str) -> None:
    other = Pager()
    order = await disputed(pool)
    with pytest.raises(ApplicationError) as failed:
        await order.deliver(OwnChannel("pager", own), OwnChannel("other", other))
    assert says in failed.value.message.split("; ")
    assert "secret@x.example" not in failed.value.message
    assert len(other.got) == 3
    rows = {channel: row for (_, channel), row in (await order.deliveries()).items() if not row["delivered_at"]}
    assert set(rows) == {"pager"}
    if "ZeroDivision" in says:
        assert "secret@x.example" in rows["pager"]["last_error"]


async def test_one_that_blocks_a_thread_is_given_up_in_its_time(pool: Any) -> None:
    begun, over = threading.Event(), threading.Event()

    class Blocking:
        receivers = ("operator",)
        timeout = 0.2

        def send(self, notice: Notice, email: str | None) -> None:
            begun.set()
            over.wait()

    order = await disputed(pool)
    try:
        with pytest.raises(ApplicationError, match=r"pager gave no answer within 0\.2 s"):
            await order.deliver(OwnChannel("pager", Blocking()))
        assert begun.is_set()
    finally:
        over.set()


HERE = "tests.activities.test_channels"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("pager", "'pager' is not of the form name=package.module:factory"),
        (f"mail={HERE}:pager", "the name 'mail' is a channel of Recourse; take another"),
        (f"a={HERE}:pager a={HERE}:pager", "the name 'a' is there twice"),
        (f"Pager!={HERE}:pager", "'Pager!' cannot name a channel"),
        (f"pager={HERE}:Mute", "Mute() returned Mute, which has no method `send`"),
        (f"pager={HERE}:Silent", "Silent.receivers is ('client', 'judge'), and must list some of"),
        (f"pager={HERE}:nobody", "cannot be loaded: AttributeError"),
    ],
)
def test_a_channel_that_cannot_be_used_is_named_in_a_sentence(text: str, says: str) -> None:
    with pytest.raises(BadChannel) as wrong:
        load_channels(text)
    assert says in str(wrong.value)


def test_channels_are_loaded_by_a_setting() -> None:
    assert [channel.name for channel in load_channels(f"pager={HERE}:pager second={HERE}:pager")] == ["pager", "second"]
    assert load_channels("") == []


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")
async def test_the_example_posts_to_what_apprise_knows(
    pool: Any, web: HttpReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("apprise")
    monkeypatch.setenv("CHAT_URLS", web.url.replace("http://", "json://"))
    spec = importlib.util.spec_from_file_location("chat", EXAMPLE)
    assert spec
    assert spec.loader
    chat = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(chat)
    order = await disputed(pool)
    channel = OwnChannel("chat", chat.Chat())

    web.will(500)
    with pytest.raises(ApplicationError, match="a chat service did not take it"):
        await order.deliver(channel)
    await order.deliver(channel)

    posted = web.requests[-1].json
    assert posted["title"].endswith(f"UTC: Order {order.order_id}: case opened")
    assert "An operator looks at this order." in posted["message"]
