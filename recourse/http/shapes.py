"""Answers of the HTTP API that are no views of an order: servers give them, and clients read them."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from recourse.database.files import EvidenceFile
from recourse.database.lists import ListedOrder, WaitingCase
from recourse.database.sessions import SessionRow
from recourse.resolution.model.outcome import Applied, Refused
from recourse.resolution.model.vocabulary import View


class Sent(View):
    """A command that is kept for the order, which has not answered yet."""

    status: Literal["sent"] = Field(description="The command is on its way.")
    command: str = Field(description="The command.")
    command_id: str = Field(description="The id of the command.")


class OrderList(View):
    """A page of orders by id. `next` goes into `after` for the next page; null on the last one."""

    orders: list[ListedOrder] = Field(description="The orders of this page.")
    next: str | None = Field(description="The `after` of the next page; null on the last one.")


class QueuedCase(WaitingCase):
    """A case in the operators' queue."""

    overdue: bool = Field(description="Whether the policy's fallback is due.")


class Queue(View):
    """The undecided cases, those due next first. `next` goes into `after` for the next page; null on the last one."""

    cases: list[QueuedCase] = Field(description="The cases of this page.")
    next: str | None = Field(description="The `after` of the next page; null on the last one.")


class Started(View):
    """An order that has started. Where it `can_be_read` not yet, no worker has taken it up so far."""

    order_id: str = Field(description="The order's id.")
    workflow_id: str = Field(description="The id of its workflow in Temporal.")
    policy: str = Field(description="The name of its policy.")
    can_be_read: bool = Field(description="Whether a worker has taken it up, so that it can be read.")


class Outcomes(View):
    """What came of a command to a group."""

    command_id: str = Field(description="The id of the command, the same for each order.")
    outcomes: list[Applied | Refused] = Field(description="The outcomes, by the orders' parts.")


class Issued(View):
    """A token, and until when it is good."""

    token: str = Field(description="The token.")
    id: str = Field(description="The token's id, by which it can be ended before it expires.")
    expires_at: datetime = Field(description="When it expires.")


class IssuedLink(View):
    """A path of this server to send somebody to, and until when it signs them in."""

    path: str = Field(description="A path of this server, with its query.")
    expires_at: datetime = Field(description="When it expires.")


class SessionList(View):
    """A page of sessions; `next` is the `after` of the next page, null at the end."""

    sessions: list[SessionRow] = Field(description="The sessions of this page, by id.")
    next: str | None = Field(description="The `after` of the next page; null: this is the last one.")


class KeptFile(EvidenceFile):
    """A file of evidence, with the address by which `add_evidence` names it."""

    address: str = Field(description="For `add_evidence`, and where to read the file.")
    kind: str = Field(description="What it is, for `kind` of `add_evidence`.")
