"""Notices by e-mail."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from email.headerregistry import Address, HeaderRegistry, MessageIDHeader
from email.message import EmailMessage
from email.policy import default
from ipaddress import ip_address
from uuid import NAMESPACE_URL, uuid5

import aiosmtplib

from recourse.activities.about import NOTHING, About
from recourse.activities.extensions import NotDelivered
from recourse.activities.letters import Letters
from recourse.resolution.model.notice import Notice, Receiver
from recourse.runtime.addresses import read_address, read_sender
from recourse.runtime.keys import KeyRing
from recourse.runtime.mail_links import mail_link
from recourse.runtime.names import page_address
from recourse.runtime.urls import read_url

PATIENCE = 20.0  # seconds for the whole exchange
# The standard library takes References for free text: an id that is too long for a line becomes an encoded word, which
# no mail program takes for an id.
_HEADERS = HeaderRegistry()
_HEADERS.map_to_type("references", MessageIDHeader)  # type: ignore[arg-type]  # typeshed has it for no header
_POLICY = default.clone(header_factory=_HEADERS)


class MailChannel:
    """Sends notices to the addresses known for the order.

    `smtp_url`: `smtp://user:password@host:587` for a server with STARTTLS, which only one on this machine may lack, or
    `smtps://` for a server that speaks TLS from the first byte. `sender` may have a name: `Market <orders@…>`. The
    operators' address is one for all orders. `web_url`: where the pages are; with `link_keys`, a link there signs a
    party in.
    """

    name = "mail"
    whole_steps = True

    def __init__(
        self,
        smtp_url: str,
        sender: str,
        operator_email: str | None = None,
        *,
        patience: float = PATIENCE,
        reply_to: str | None = None,
        letters: Letters | None = None,
        web_url: str = "",
        link_keys: KeyRing | None = None,
    ) -> None:
        server = read_url(smtp_url, "smtp", "smtps", path=False)
        self._tls = server.scheme == "smtps"
        self._host, self._port = server.host, server.port or (465 if self._tls else 25)
        # None: where the server offers it.
        self._starttls = None if self._tls or _on_this_machine(server.host) else True
        self._user, self._password = server.user, server.password
        self._sender, self._operator = read_sender(sender), operator_email
        self._reply_to = read_sender(reply_to) if reply_to else None
        self._letters, self._web_url, self._link_keys = letters or Letters(), web_url, link_keys
        self._patience = patience

    def receivers(self, contacts: Mapping[str, str]) -> Mapping[Receiver, str]:
        """Only those whose address is known."""
        known: dict[Receiver, str | None] = {
            "client": contacts.get("client"),
            "freelancer": contacts.get("freelancer"),
            "operator": self._operator,
        }
        return {role: address for role, address in known.items() if address}

    async def send(self, notice: Notice, receiver: str, about: About = NOTHING) -> None:
        """Send one mail; its Message-ID comes from the notice's id. Raises NotDelivered."""
        try:
            address = read_address(receiver)
            message = self._message(notice, address, about)
        except ValueError as error:
            raise NotDelivered(f"mail: the {notice.to}'s address is {error}") from error
        except LookupError as error:
            raise NotDelivered(f"mail: this worker is too old to write a {notice.name}") from error
        try:
            async with asyncio.timeout(self._patience):
                await aiosmtplib.send(
                    message,
                    # Given once more, since a mail server would take the recipients of the header.
                    recipients=[address.addr_spec],
                    hostname=self._host,
                    port=self._port,
                    username=self._user,
                    password=self._password,
                    use_tls=self._tls,
                    start_tls=self._starttls,
                    timeout=self._patience,
                )
        except (aiosmtplib.SMTPException, OSError, TimeoutError, ValueError) as error:
            if type(error) is aiosmtplib.SMTPException and "STARTTLS" in str(error):
                why = "the server offers no STARTTLS, so nothing was sent: use smtps://, or a relay on this machine"
                raise NotDelivered(f"mail: {why}") from error
            # What a mail server says repeats the address as a rule.
            raise NotDelivered(f"mail: {type(error).__name__}{_code(error)}", str(error)) from error

    def _message(self, notice: Notice, address: Address, about: About) -> EmailMessage:
        holder = about.holder(notice.to)
        signs_in = bool(self._web_url and self._link_keys and holder)
        letter = self._letters.write(notice, about, self._link(notice, holder), signs_in=signs_in)
        message = EmailMessage(policy=_POLICY)
        message["From"], message["To"] = self._sender, address
        if self._reply_to:
            message["Reply-To"] = self._reply_to
        message["Subject"] = letter.subject
        message["Content-Language"] = self._letters.language
        message["Date"] = notice.at
        # Not the id itself, which may hold what no Message-ID can.
        message["Message-ID"] = f"<{uuid5(NAMESPACE_URL, notice.id)}@{self._sender.domain}>"
        # So that the notices of one order stand together, and no holiday notice answers them.
        message["References"] = f"<{uuid5(NAMESPACE_URL, notice.body.order_id)}@{self._sender.domain}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(letter.text)
        message.add_alternative(letter.html, subtype="html")
        return message

    def _link(self, notice: Notice, holder: str) -> str:
        order_id = notice.body.order_id
        if self._web_url and self._link_keys and holder:
            return mail_link(self._web_url, self._link_keys, notice.to, holder, order_id, datetime.now(UTC))
        return page_address(self._web_url, order_id) if self._web_url else ""

    async def close(self) -> None:
        """Nothing is kept open between mails."""


def _on_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _code(error: Exception) -> str:
    refused = error.recipients[0] if isinstance(error, aiosmtplib.SMTPRecipientsRefused) else error
    return f" {refused.code}" if isinstance(refused, aiosmtplib.SMTPResponseException) else ""
