"""Notices by signed webhook, as Standard Webhooks describes them."""

import binascii
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import httpx2
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from resolution.step import Notice

PATIENCE = 10.0  # seconds


class NotDelivered(Exception):
    """The receiver did not take the notice; the text says what it answered."""


class BadSignature(Exception):
    """A webhook that does not come from who it says, or was changed on its way."""


class WebhookChannel:
    """Posts notices to the marketplace's own address."""

    name = "webhook"

    def __init__(self, url: str, secret: str) -> None:
        self._url = url
        try:
            self._webhook = Webhook(secret)
        except (ValueError, binascii.Error, RuntimeError) as error:
            raise ValueError("RECOURSE_WEBHOOK_SECRET must be base64, such as `whsec_...`") from error
        self._client = httpx2.AsyncClient(timeout=PATIENCE, follow_redirects=False)

    def takes(self, notice: Notice, contacts: Mapping[str, str]) -> bool:
        """Webhooks carry every notice."""
        return True

    async def send(self, notice: Notice, contacts: Mapping[str, str]) -> None:
        """Post one notice; its id is the webhook's id, so a receiver can tell a repetition. Raises NotDelivered."""
        body = json.dumps(payload(notice), separators=(",", ":"), ensure_ascii=False)
        now = datetime.now(UTC)
        headers = {
            "content-type": "application/json",
            "webhook-id": notice.id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": self._webhook.sign(notice.id, now, body),
        }
        try:
            response = await self._client.post(self._url, content=body.encode(), headers=headers)
        except httpx2.HTTPError as error:
            raise NotDelivered(f"webhook: {type(error).__name__}: {error}") from error
        if not response.is_success:
            raise NotDelivered(f"webhook: the receiver answered {response.status_code}")

    async def close(self) -> None:
        """Let the connections go."""
        await self._client.aclose()


def payload(notice: Notice) -> dict[str, Any]:
    """The JSON body of a webhook."""
    return {
        "type": notice.name,
        "timestamp": notice.at.isoformat().replace("+00:00", "Z"),
        "data": {"to": notice.to, **notice.body},
    }


def verify_webhook(secret: str, headers: Mapping[str, str], body: str | bytes) -> Any:
    """For receivers: the body of a webhook that is genuine and fresh. Raises BadSignature."""
    try:
        return Webhook(secret).verify(body, dict(headers))
    except (WebhookVerificationError, ValueError, binascii.Error) as error:
        raise BadSignature(str(error)) from error
