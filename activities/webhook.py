"""Notices by signed webhook, as Standard Webhooks describes them."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from typing import Any

import httpx2
from pydantic_core import to_json
from standardwebhooks.webhooks import EmptyWebhookSecretError, Webhook, WebhookVerificationError

from recourse.activities.about import NOTHING, About
from recourse.activities.extensions import NotDelivered
from recourse.errors import BadInput
from recourse.resolution.model.data_version import dump_stored
from recourse.resolution.model.notice import Notice, NoticeData, Receiver, WebhookBody
from recourse.runtime.names import page_address

PATIENCE = 10.0  # seconds for the whole exchange
GONE = 410  # "disable the endpoint", says Standard Webhooks
# A receiver may ask for hours; by then a party's time to answer would be over.
LONGEST_WAIT = timedelta(hours=1)
# How much of an answer is read, so that the connection can be used again.
SKIMMED = 64 * 1024
# Of the schemas in docs/schemas that notices keep to, and all other messages as well.
SCHEMA_VERSION = "v2"


class BadSignature(BadInput):
    """A webhook that does not come from who it says, or was changed on its way, or is not fresh."""


class WebhookChannel:
    """Posts notices to the marketplace's own address.

    `secrets`: the first is the one in use; the others are on their way out or in. Each signs, so that a receiver that
    knows any of them takes the notice. `patience` is in seconds. `web_url`: where the pages are. `transport`: what
    requests leave through instead of
    the network.
    """

    name = "webhook"
    whole_steps = False

    def __init__(
        self,
        url: str,
        secrets: Sequence[str],
        *,
        patience: float = PATIENCE,
        web_url: str = "",
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self._url, self._patience, self._web_url = url, patience, web_url
        self._webhooks = [Webhook(secret) for secret in secrets]
        self._client = httpx2.AsyncClient(
            timeout=patience,
            follow_redirects=False,
            headers={"user-agent": f"Recourse/{version('recourse')}"},
            transport=transport,
        )

    def receivers(self, contacts: Mapping[str, str]) -> Mapping[Receiver, str]:
        """The marketplace hears everything, at one address."""
        return {"client": self._url, "freelancer": self._url, "operator": self._url}

    async def send(self, notice: Notice, receiver: str, about: About = NOTHING) -> None:
        """Post one notice under its own id, so that a receiver can recognize a repetition. Raises NotDelivered."""
        body = payload(notice, about, self._web_url)
        now = datetime.now(UTC)
        headers = {
            "content-type": "application/json",
            "recourse-schema": SCHEMA_VERSION,
            "webhook-id": notice.id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": " ".join(webhook.sign(notice.id, now, body) for webhook in self._webhooks),
        }
        status: int | None = None
        wait: timedelta | None = None
        try:
            async with (
                asyncio.timeout(self._patience),
                self._client.stream("POST", receiver, content=body.encode(), headers=headers) as response,
            ):
                status, wait = response.status_code, _wait(response, now)
                await _skim(response)
        except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError) as error:
            # A receiver that said yes has it, however the connection then ends.
            if status is None:
                raise NotDelivered(f"webhook: {type(error).__name__}", str(error)) from error
        if status is None or not 200 <= status < 300:
            raise NotDelivered(f"webhook: the receiver answered {status}", wait=wait, gone=status == GONE)

    async def close(self) -> None:
        """Let the connections go."""
        await self._client.aclose()


def _wait(response: httpx2.Response, now: datetime) -> timedelta | None:
    """How long a receiver that fails asks to be left alone: `Retry-After`, in seconds or as a date."""
    if response.status_code < 400:
        return None
    text = response.headers.get("retry-after", "").strip()
    try:
        # Nobody waits for a number of more digits.
        seconds = int(text[:9]) if text.isascii() and text.isdigit() else _until(text, now)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return timedelta(seconds=min(seconds, LONGEST_WAIT.total_seconds())) if seconds > 0 else None


def _until(text: str, now: datetime) -> float:
    instant = parsedate_to_datetime(text)
    return ((instant if instant.tzinfo else instant.replace(tzinfo=UTC)) - now).total_seconds()


async def _skim(response: httpx2.Response) -> None:
    size = 0
    async for part in response.aiter_raw():
        size += len(part)
        if size > SKIMMED:
            return


def payload(notice: Notice, about: About = NOTHING, web_url: str = "") -> str:
    """The JSON body of a webhook; `web_url`: where the pages are."""
    page = page_address(web_url, notice.body.order_id) if web_url else None
    data = NoticeData(to=notice.to, display=about.display, page_url=page, **dict(notice.body))
    return to_json(dump_stored(WebhookBody(type=notice.name, timestamp=notice.at, data=data))).decode()


def verify_webhook(secrets: str | Sequence[str], headers: Mapping[str, str], body: str | bytes) -> Any:
    """For receivers: the body of a webhook that is genuine and at most five minutes old. Raises BadSignature.

    `secrets` is one secret or several; a webhook signed with any of them is genuine. `webhook-id` is not checked: a
    receiver that must not act twice remembers it.
    """
    known = secrets.split() if isinstance(secrets, str) else secrets
    wrong: Exception = ValueError("no secret to verify with")
    for secret in known:
        try:
            return Webhook(secret).verify(body, dict(headers))
        except (WebhookVerificationError, EmptyWebhookSecretError, ValueError, OverflowError, TypeError) as error:
            wrong = error
    raise BadSignature(str(wrong)) from wrong
