"""Notices by e-mail, in plain sentences."""

from collections.abc import Mapping
from email.message import EmailMessage
from urllib.parse import urlsplit

import aiosmtplib
from jinja2 import Environment, PackageLoader, StrictUndefined

from activities.webhook import NotDelivered
from resolution.step import Notice

PATIENCE = 20.0  # seconds

SENTENCES = {
    "requirements_submitted": "The client has handed in the requirements; the delivery time has started.",
    "revision_requested": "The client asks for a revision.",
    "order_delivered": "The freelancer has delivered the order.",
    "order_completed": "The order is completed.",
    "request_opened": "The other side asks you something about the order.",
    "request_countered": "The other side answers with another amount.",
    "answer_reminder": "Your answer is still awaited.",
    "request_accepted": "Your request was accepted.",
    "request_declined": "Your request was declined.",
    "request_withdrawn": "The other side has withdrawn its request.",
    "request_lapsed": "Nobody answered the request in time, so it has lapsed. Nothing changes.",
    "request_superseded": "Your request has been overtaken by what happened since.",
    "case_withdrawn": "The other side has taken its case back.",
    "settlement_offered": "The other side names an amount at which it would end the case.",
    "case_closed": "The case has ended without a proposal or ruling.",
    "order_canceled": "The order is canceled.",
    "cancellation_undone": "The cancellation has been undone; the order goes on.",
    "case_opened": "An operator looks at this order.",
    "proposal_made": "The operator proposes how to end this.",
    "ruling_made": "The operator has decided.",
    "ruling_needed": "A ruling is needed.",
    "appeal_opened": "The ruling has been appealed.",
    "case_reminder": "A case still waits for a decision.",
    "case_overdue": "Nobody decided a case in time; the policy's fallback has been applied.",
    "money_settled": "The money has been settled.",
    "message_received": "The other side has written to you.",
    "feedback_received": "The other side has left public feedback.",
    "follow_up": "A day after the cancellation: a good time to follow up with the client.",
}
SILENCE = {
    "accept": "If nobody answers by then, it counts as accepted.",
    "decline": "If nobody answers by then, it counts as declined.",
    "escalate": "If nobody answers by then, an operator decides.",
    "lapse": "If nobody answers by then, nothing changes.",
}


class MailChannel:
    """Sends notices to the addresses known for the order."""

    name = "mail"

    def __init__(self, smtp_url: str, sender: str, operator_email: str | None = None) -> None:
        parts = urlsplit(smtp_url)
        self._host, self._port = parts.hostname or "localhost", parts.port or 25
        self._user, self._password = parts.username, parts.password
        self._sender, self._operator = sender, operator_email
        environment = Environment(  # noqa: S701 - plain text, there is no markup to escape
            loader=PackageLoader("activities"), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
        )
        self._template = environment.get_template("notice.txt.j2")

    def takes(self, notice: Notice, contacts: Mapping[str, str]) -> bool:
        """Only where an address is known."""
        return self._address(notice, contacts) is not None

    def _address(self, notice: Notice, contacts: Mapping[str, str]) -> str | None:
        return self._operator if notice.to == "operator" else contacts.get(notice.to)

    async def send(self, notice: Notice, contacts: Mapping[str, str]) -> None:
        """Send one notice; its Message-ID comes from the notice's id. Raises NotDelivered."""
        message = EmailMessage()
        message["From"], message["To"] = self._sender, self._address(notice, contacts)
        message["Subject"] = f"Order {notice.body.get('order_id')}: {notice.name.replace('_', ' ')}"
        message["Message-ID"] = f"<{notice.id}@recourse.invalid>"
        message["Date"] = notice.at
        message.set_content(self.text(notice))
        try:
            await aiosmtplib.send(
                message,
                hostname=self._host,
                port=self._port,
                username=self._user,
                password=self._password,
                timeout=PATIENCE,
            )
        except (aiosmtplib.SMTPException, OSError) as error:
            raise NotDelivered(f"mail: {type(error).__name__}: {error}") from error

    def text(self, notice: Notice) -> str:
        """The body of the mail: what happened, the money, the deadline, what silence will mean, the answers."""
        return self._template.render(
            sentence=SENTENCES[notice.name], silence=SILENCE, body=notice.body, money=_money(notice)
        )

    async def close(self) -> None:
        """Nothing is kept open between mails."""


def _money(notice: Notice) -> str:
    amounts = notice.body.get("amounts") or {}
    parts = [f"{who} {amounts[who]}" for who in ("client", "freelancer", "platform", "held") if who in amounts]
    return ", ".join(parts) + f" (in minor units of {amounts.get('currency', '?')})" if parts else ""
