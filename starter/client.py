"""The typed client for other backends: start an order, send it commands, read where it stands."""

import hashlib
import json
import secrets
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio.client import Client, WithStartWorkflowOperation, WorkflowHandle, WorkflowUpdateFailedError
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from database.orders import read_answer, read_export, read_notices, read_order
from policies.calculators import register_installed_calculators
from resolution.commands import Actor, read_message
from resolution.looking_ahead import available_actions, opens_later, preview
from resolution.order import Opening, Order, Terms
from resolution.policy import Policy
from resolution.record import Reader, canonical
from resolution.refusals import SENTENCES, Code
from resolution.step import Notice
from resolution.views import view
from workflows import page
from workflows.order import OrderWorkflow

TASK_QUEUE = "recourse"
# Temporal itself stops at 2 MiB; no honest message comes near.
LARGEST_MESSAGE = 1024 * 1024
PREFIX = "order-"


def _now() -> datetime:
    return datetime.now(UTC)


class OrderExists(Exception):
    """An order of this id was started with other terms; an order id is never used again."""


class NoSuchOrder(Exception):
    """There is no order of this id."""


@dataclass(frozen=True)
class Outcome:
    """The answer to a command: applied, or refused with a code and details that help."""

    applied: bool
    code: str | None
    message: str | None
    details: Mapping[str, Any]
    repeated: bool
    whole: Mapping[str, Any]

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> "Outcome":
        """The outcome that an order answered."""
        return cls(
            applied=answer.get("status") == "applied",
            code=answer.get("code"),
            message=answer.get("message"),
            details=answer.get("details", {}),
            repeated=bool(answer.get("repeated")),
            whole=answer,
        )


def _refused(command: str, code: Code, **details: Any) -> dict[str, Any]:
    """A refusal of ours, by which nothing was sent or nothing could arrive; it leaves no entry."""
    return {"status": "refused", "command": command, "code": code, "message": SENTENCES[code], "details": details}


def _too_large(payload: Mapping[str, Any]) -> str | None:
    size = len(json.dumps(payload, default=str))
    return f"{size} bytes; at most {LARGEST_MESSAGE} are taken" if size > LARGEST_MESSAGE else None


def workflow_id(order_id: str) -> str:
    """The workflow id of an order; without a slash, so that Temporal's HTTP API can address it."""
    return f"{PREFIX}{order_id}"


def fingerprint(terms: Terms) -> str:
    """By what the same terms are known again: their SHA-256, for the memo may hold nothing personal."""
    agreed = terms.model_dump(mode="json", exclude={"ordered_at", "history"})
    return hashlib.sha256(canonical(agreed).encode()).hexdigest()


class Recourse:
    """Orders, for a backend.

    `client` may be None where orders are only read; `pool` leads to the database that other backends read from too.
    `now` is the clock by which commands are stamped on arrival and pages are shown.
    """

    def __init__(
        self, client: Client | None, pool: Any, *, task_queue: str = TASK_QUEUE, now: Callable[[], datetime] = _now
    ) -> None:
        register_installed_calculators()
        self._client = client
        self.pool = pool
        self.task_queue = task_queue
        self._now = now

    @property
    def temporal(self) -> Client:
        """The connection to Temporal. Raises ValueError where this client was made to read only."""
        if self._client is None:
            raise ValueError("this Recourse has no Temporal client, so it can only read orders")
        return self._client

    async def start(
        self,
        terms: Terms,
        policy: Policy,
        *,
        provider: str = "ledger",
        first: tuple[str, Mapping[str, Any]] | None = None,
        start_delay: timedelta | None = None,
    ) -> Outcome | None:
        """Start an order; starting it again with the same terms changes nothing.

        `first`: a command and its fields, sent with the start in one go; its outcome is returned.
        `start_delay`: how long the order waits before it begins; it cannot go together with `first`.
        Raises OrderExists where the id belongs to an order with other terms.
        """
        opening = Opening(terms=terms, policy=policy, record_salt=secrets.token_hex(16), provider=provider)
        options = self._start_options(opening)
        try:
            if first is None:
                await self.temporal.start_workflow(OrderWorkflow.run, opening, start_delay=start_delay, **options)
                outcome = None
            else:
                name, fields = first
                starting = WithStartWorkflowOperation(OrderWorkflow.run, opening, **options)
                payload = self._payload(fields)
                answer = await self.temporal.execute_update_with_start_workflow(
                    name, payload, start_workflow_operation=starting, result_type=dict
                )
                outcome = Outcome.of(answer)
        except WorkflowAlreadyStartedError as error:
            await self._same_terms(terms, error)
            return await self.send(terms.order_id, first[0], first[1]) if first else None
        await self._same_terms(terms, None)
        return outcome

    def _start_options(self, opening: Opening) -> dict[str, Any]:
        terms, policy = opening.terms, opening.policy
        return {
            "id": workflow_id(terms.order_id),
            "task_queue": self.task_queue,
            "id_reuse_policy": WorkflowIDReusePolicy.REJECT_DUPLICATE,
            "id_conflict_policy": WorkflowIDConflictPolicy.USE_EXISTING,
            "static_summary": page.summary(terms, policy.name),
            "static_details": page.details(terms, policy.name),
            "memo": {"terms": fingerprint(terms)},
        }

    async def _same_terms(self, terms: Terms, error: Exception | None) -> None:
        described = await self.temporal.get_workflow_handle(workflow_id(terms.order_id)).describe()
        known = await described.memo_value("terms", None)
        if known is not None and known != fingerprint(terms):
            raise OrderExists(
                f"Order {terms.order_id} exists with other terms; an order id is never used again."
            ) from error

    async def send(self, order_id: str, command: str, fields: Mapping[str, Any]) -> Outcome:
        """Send a command and wait for its outcome, which comes after its step is written.

        `fields` holds `actor` and whatever the command takes; without a `command_id` one is made. Sending the same
        id again gets the first answer. Raises NoSuchOrder.
        """
        payload = self._payload(fields)
        problem = _too_large(payload)
        if problem:
            return Outcome.of(_refused(command, "malformed", problems={"payload": problem}))
        try:
            # Each call is an update of its own, so that the order itself answers a repeated command id as repeated.
            answer = await self._handle(order_id).execute_update(command, payload, result_type=dict)
        except (RPCError, WorkflowUpdateFailedError) as error:
            if isinstance(error, RPCError) and error.status is not RPCStatusCode.NOT_FOUND:
                raise
            return Outcome.of(await self._over(order_id, command, payload))
        return Outcome.of(answer)

    async def tell(self, order_id: str, command: str, fields: Mapping[str, Any]) -> bool:
        """Send a command without waiting: it is kept also while every worker is down.

        False where the order answers no more. Raises NoSuchOrder; ValueError for a message that is too large.
        """
        payload = self._payload(fields)
        problem = _too_large(payload)
        if problem:
            raise ValueError(problem)
        try:
            await self._handle(order_id).signal(command, payload)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            await self._over(order_id, command, payload)
            return False
        return True

    async def _over(self, order_id: str, command: str, payload: Mapping[str, Any]) -> dict[str, Any]:
        if await read_order(self.pool, order_id) is None:
            raise NoSuchOrder(f"There is no order {order_id}.")
        first = await read_answer(self.pool, order_id, _sender(payload), str(payload["command_id"]))
        return {**first, "repeated": True} if first else _refused(command, "order_closed")

    def _payload(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        # The stamp is ours: an answer that waits for us through an outage still counts when it came.
        stamped = {"sent_at": self._now().isoformat(timespec="seconds"), **fields}
        if stamped.get("command_id") is None:
            stamped["command_id"] = uuid.uuid4().hex
        actor = stamped.get("actor")
        return stamped | ({"actor": actor.model_dump()} if isinstance(actor, Actor) else {})

    def _handle(self, order_id: str) -> WorkflowHandle[Any, Any]:
        return self.temporal.get_workflow_handle(workflow_id(order_id))

    async def order(self, order_id: str) -> Order:
        """The order as of its last step. Raises NoSuchOrder."""
        stored = await read_order(self.pool, order_id)
        if stored is None:
            raise NoSuchOrder(f"There is no order {order_id}.")
        return stored.order

    async def show(self, order_id: str, reader: Reader) -> dict[str, Any]:
        """The order's page as one role sees it now. Raises NoSuchOrder."""
        return view(await self.order(order_id), reader, self._now())

    async def actions(self, order_id: str, role: Reader) -> dict[str, Any]:
        """What a role can do now, with bounds and until when, and what opens later. Raises NoSuchOrder."""
        order, now = await self.order(order_id), self._now()
        later = {} if role == "operator" else opens_later(order, role, now)
        return {"actions": available_actions(order, role, now), "available_at": later}

    async def preview(self, order_id: str, command: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        """What a command would lead to, without doing it. Raises NoSuchOrder."""
        message = read_message(command, self._payload(fields), "preview")
        role = message.actor.role if message.actor else "client"
        reader: Reader = "client" if role == "system" else role
        return preview(await self.order(order_id), message, self._now(), reader)

    async def record(self, order_id: str, reader: Reader) -> dict[str, Any]:
        """The record as one role may read it; it verifies offline. Raises NoSuchOrder."""
        exported = await read_export(self.pool, order_id, reader)
        if exported is None:
            raise NoSuchOrder(f"There is no order {order_id}.")
        return exported

    async def notices(self, order_id: str, reader: Reader) -> list[Notice]:
        """What one role was told."""
        return [notice for notice in await read_notices(self.pool, order_id) if notice.to == reader]


def _sender(payload: Mapping[str, Any]) -> str:
    actor = payload.get("actor") or {}
    return f"{actor.get('role')}:{actor.get('id')}"
