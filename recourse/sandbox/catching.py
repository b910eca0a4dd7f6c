"""What a sandbox sends: mails and webhooks, kept to be looked at."""

import itertools
import json
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import httpx2

from recourse.activities.about import NOTHING, About
from recourse.activities.extensions import NotDelivered
from recourse.activities.mail import MailChannel
from recourse.activities.notifying import Channel
from recourse.activities.webhook import WebhookChannel
from recourse.resolution.model.notice import Notice, Receiver
from recourse.runtime.addresses import read_address

KEPT = 1000  # the newest
_KEPT = ("webhook-", "recourse-")
ELSEWHERE = "sandbox.invalid"  # the domain of everybody whose address an order does not have
NOWHERE = f"http://{ELSEWHERE}/webhooks"


@dataclass(frozen=True)
class Sent:
    """One mail or webhook as it left.

    `to` is an address, `name` the notice's. `answer` is what the receiver of a webhook answered: a status, or why there
    is none.
    """

    number: int
    at: datetime
    channel: Literal["webhook", "mail"]
    order_id: str
    name: str
    receiver: Receiver
    to: str
    headers: dict[str, str]
    body: str
    answer: str | None = None


class Catcher(httpx2.AsyncBaseTransport):
    """The channels of a sandbox, and what they have sent.

    `webhook_url`: where webhooks go; without one the sandbox takes them itself. `mails`: how mails are written.
    """

    def __init__(self, secret: str, webhook_url: str | None = None, *, web_url: str = "", **mails: Any) -> None:
        self.kept: deque[Sent] = deque(maxlen=KEPT)
        self._numbers = itertools.count(1)
        self._network = httpx2.AsyncHTTPTransport() if webhook_url else None
        self.webhooks = WebhookChannel(webhook_url or NOWHERE, [secret], web_url=web_url, transport=self)
        self.mails = _Mails(self, web_url=web_url, **mails)

    def of(self, order_id: str | None) -> list[Sent]:
        """What was sent about an order, or about all of them, in order."""
        return [one for one in self.kept if order_id in (None, one.order_id)]

    @property
    def channels(self) -> tuple[Channel, Channel]:
        """The ways to reach receivers."""
        return self.webhooks, self.mails

    def webhook(self, number: int) -> Sent | None:
        """The webhook that was sent under this number."""
        return next((one for one in self.kept if (one.number, one.channel) == (number, "webhook")), None)

    async def repeat(self, notice: Notice) -> Sent:
        """Send the webhook of a notice once more; as ever, its id is the notice's and its signature is new."""
        with suppress(NotDelivered):  # what the receiver answered is kept
            await self.webhooks.send(notice, self.webhooks.receivers({})[notice.to])
        return next(one for one in reversed(self.kept) if one.headers.get("webhook-id") == notice.id)

    def keep(self, **said: Any) -> None:
        """Take note of what leaves now, with what `Sent` says of it."""
        self.kept.append(Sent(number=next(self._numbers), at=datetime.now(UTC), **said))

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Let a webhook go, and keep it with what its receiver answers.

        Where nobody listens it counts as taken: days that are skipped would else be filled with hundreds of tries.
        """
        body = (await request.aread()).decode()
        said, status = json.loads(body), "nothing"
        try:
            answer = await self._network.handle_async_request(request) if self._network else _taken()
            status = str(answer.status_code)
        except httpx2.ConnectError:
            answer, status = _taken(), "by nobody: nothing listens there"
        except httpx2.HTTPError as error:
            status = f"by nobody: {error}"
            raise
        finally:
            self.keep(
                channel="webhook",
                order_id=said["data"]["order_id"],
                name=said["type"],
                receiver=said["data"]["to"],
                to=str(request.url),
                headers={name: request.headers[name] for name in request.headers if name.startswith(_KEPT)},
                body=body,
                answer=status,
            )
        return answer

    async def aclose(self) -> None:
        """Let the connections go."""
        if self._network:
            await self._network.aclose()


def _taken() -> httpx2.Response:
    return httpx2.Response(204, stream=httpx2.ByteStream(b""))


class _Mails(MailChannel):
    """Mails that stay in the sandbox."""

    def __init__(self, catcher: Catcher, *, sender: str = f"orders@{ELSEWHERE}", **written: Any) -> None:
        super().__init__("smtp://127.0.0.1", sender, **written)
        self._catcher = catcher

    def receivers(self, contacts: Mapping[str, str]) -> Mapping[Receiver, str]:
        """Everybody; whose address the order does not have has one in the sandbox."""
        named: tuple[Receiver, ...] = ("client", "freelancer", "operator")
        return {role: contacts.get(role, f"{role}@{ELSEWHERE}") for role in named}

    async def send(self, notice: Notice, receiver: str, about: About = NOTHING) -> None:
        """Keep one notice as the mail that it is."""
        message = self._message(notice, read_address(receiver), about)
        self._catcher.keep(
            channel="mail",
            order_id=notice.body.order_id,
            name=notice.name,
            receiver=notice.to,
            to=receiver,
            headers={name: str(value) for name, value in message.items()},
            body=plain.get_content() if (plain := message.get_body(("plain",))) else "",
        )
