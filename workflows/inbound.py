"""How messages reach the order: nothing that anybody sends can be dropped unseen, or wedge or fail an order.

A payload that cannot be decoded becomes an `Undecodable` instead of an error; an interceptor hands every signal and
update, whatever its name and number of arguments, to the order's inbox as one `Message`. Replaying a history needs
the same converter and the same interceptor.

Whether an encrypted payload can be opened depends on the keys that a worker has, which change; whether its actor is
proven depends on keys and time. So the verdict of the first reading stands: a message that is turned away leaves a
marker in the history, by which a replay knows, and a replay never asks for keys or time.
"""

import asyncio
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from temporalio import workflow
from temporalio.api.common.v1 import Payload
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.exceptions import ApplicationError
from temporalio.worker import (
    ExecuteWorkflowInput,
    HandleQueryInput,
    HandleSignalInput,
    HandleUpdateInput,
    Interceptor,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
    WorkflowOutboundInterceptor,
)

with workflow.unsafe.imports_passed_through():
    from recourse.activities.contract import HAS_STARTED
    from recourse.resolution.model.commands import COMMANDS
    from recourse.resolution.model.data_version import DATA_VERSION, NeedsNewerBuild
    from recourse.resolution.model.fields import UNNAMED
    from recourse.resolution.model.order import Opening, read_opening
    from recourse.resolution.model.reading import (
        Message,
        is_command_id,
        read_message,
        unproven_message,
        unreadable_message,
    )
    from recourse.runtime.actors import START_HEADER, Actors, Disproof, Judgment
    from recourse.runtime.names import ORDER, TOKEN
    from recourse.runtime.payloads import VERDICTS, WHY_UNOPENED, Bound, Undecodable, Unopened, Verdict
    from recourse.runtime.proofs import Proofs
    from recourse.workflows.arrivals import STAMP, Arrivals, is_old
    from recourse.workflows.carried import Carried
    from recourse.workflows.database_calls import ask_database
    from recourse.workflows.proving import Proving

# The header of a signal that is sent again to a revived order: its number among the signals of the order.
NUMBER = "number"

_WHY_UNPROVEN: dict[Disproof, str] = {
    "no_token": "actor_token is missing",
    "bad_token": "actor_token is not one that was signed with a key that is known here",
    "not_now": "actor_token is not valid at this time",
    "not_this": "actor_token is for another actor, order, command or content",
    "no_id": "command_id is missing, and needed where actors are proven",
}

_UNPROVEN_START = "start unproven"
_JUDGMENTS: tuple[Judgment, ...] = (*_WHY_UNPROVEN, "unstamped")


@dataclass(frozen=True)
class Unproven:
    """A message that is not shown to come from the actor that it names, and why."""

    message: Mapping[str, Any]
    disproof: Disproof


class CannotReplay(Exception):
    """What could be read before cannot be read now. The order waits, by failing its task, until it can be again."""


def command_id_of(update_id: str) -> str:
    """The id of a command that came as an update and has none of its own.

    That of the update, unless the record cannot hold it or it could be taken for that of a message without an id.
    """
    return update_id if is_command_id(update_id) else f"{UNNAMED}{_digest(update_id)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


class Unreadable(Exception):
    """A message that is not one readable payload; the text says why."""


def payload_of(arguments: Sequence[Any]) -> Any:
    """The one payload of a message. Raises Unreadable where there is not exactly one that could be decoded."""
    if len(arguments) != 1:
        raise Unreadable(f"{len(arguments)} arguments came, send exactly one JSON object")
    if isinstance(arguments[0], Undecodable):
        raise Unreadable(arguments[0].error)
    return arguments[0]


def message_of(name: str, arguments: Sequence[Any], unnamed: str) -> Message:
    """The message of `arguments`, whatever they hold; `unnamed` is its id where it has none that can be used."""
    try:
        payload = payload_of(arguments)
    except Unreadable as unreadable:
        return unreadable_message(name, str(unreadable), unnamed)
    if isinstance(payload, Unproven):
        return unproven_message(name, payload.message, _WHY_UNPROVEN[payload.disproof], unnamed)
    return read_message(name, payload, unnamed)


class _Gate(WorkflowInboundInterceptor):
    """Every message goes to `receive` or `answer` of the workflow, whatever handler its name belongs to."""

    signals = 0
    actors: Actors | None = None
    proofs: Proofs | None = None
    refuse_plain = False

    def init(self, outbound: WorkflowOutboundInterceptor) -> None:
        self.arrivals = Arrivals()
        super().init(Proving(outbound, self.proofs) if self.proofs else outbound)

    async def execute_workflow(self, input: ExecuteWorkflowInput) -> Any:
        if workflow.info().workflow_type == ORDER:
            expected = Carried if workflow.info().continued_run_id else Opening
            start = start_of(_opening(input.args, [expected]), expected)
            if isinstance(start, str):
                raise ApplicationError(f"The order cannot start: {start}", type="bad_opening", non_retryable=True)
            if isinstance(start, Opening) and self._start_is_unproven(start, input.headers):
                await self._has_started(start.terms.order_id)
            input.args = [start]
            return await self._live_on(asyncio.create_task(super().execute_workflow(input)))
        return await super().execute_workflow(input)

    def _start_is_unproven(self, opening: Opening, headers: Mapping[str, Payload]) -> bool:
        if workflow.unsafe.is_replaying():
            return workflow.patched(_UNPROVEN_START)
        if self.actors is None:
            return False
        token = headers[START_HEADER].data.decode(errors="replace") if START_HEADER in headers else None
        if self.actors.prove_start(opening, token, workflow.info().workflow_id):
            return False
        workflow.patched(_UNPROVEN_START)
        return True

    async def _has_started(self, order_id: str) -> None:
        """Return where an order only begins anew, such as after a reset. Raises ApplicationError."""
        if not await ask_database(HAS_STARTED, [order_id], bool, "has this order started before?"):
            raise ApplicationError(
                "The order cannot start: its start is not signed, or for something else. A program with "
                "RECOURSE_ACTOR_KEYS signs it.",
                type="bad_opening",
                non_retryable=True,
            )

    async def _live_on(self, life: "asyncio.Task[Any]") -> Any:
        """The end of an order, which a request to cancel its workflow does not bring about.

        Temporal cancels the task that it began. The order runs in another, so that nothing of it is interrupted.
        """
        heard = False
        while not life.done():
            try:
                await workflow.wait_condition(life.done)
            except asyncio.CancelledError:
                reason = workflow.cancellation_reason()
                # A worker that drops an order from memory cancels its tasks too. A run hears of one request at most.
                if reason is None or heard:
                    raise
                heard = True
                workflow.instance().refuse_cancellation(reason)
        return life.result()

    async def handle_signal(self, input: HandleSignalInput) -> None:
        self.signals += 1
        arguments = _arguments(input.signal, input.args)
        name, number = f"signal {self.signals}", self.signals
        arguments = self._as_first_taken(name, "signal", input.signal, arguments)
        if self._needs_evidence(name, arguments):
            # Nothing is decided meanwhile that this may come before.
            order = workflow.instance()
            order.arriving += 1
            try:
                arguments = [await self.arrivals.dated(arguments[0], number)]
            finally:
                order.arriving -= 1
        workflow.instance().receive(input.signal, arguments, number=number_of(input.headers))

    async def handle_query(self, input: HandleQueryInput) -> Any:
        """As ever; where the Temporal UI asks for an order's page, it is drawn now, and not at every step."""
        answer = await super().handle_query(input)
        if isinstance(answer, WorkflowMetadata) and workflow.info().workflow_type == ORDER:
            answer.current_details = workflow.instance().current_details()
        return answer

    def handle_update_validator(self, input: HandleUpdateInput) -> None:
        """Let everything through: only an accepted update is answered with a reason and recorded."""

    async def handle_update_handler(self, input: HandleUpdateInput) -> Any:
        # Somebody else chose the id, and how long it is.
        name = f"update {_digest(input.id)[:16]}"
        arguments = self._as_first_taken(name, "update", input.update, _arguments(input.update, input.args))
        if self._needs_evidence(name, arguments):
            # No history has it before now.
            workflow.instance().mark_task_boundary()
            arguments = [{**arguments[0], STAMP: workflow.now().isoformat()}]
        return await workflow.instance().answer(input.update, arguments, command_id_of(input.id))

    def _needs_evidence(self, name: str, arguments: list[Any]) -> bool:
        """Whether the stamp of a message is older than clocks may differ, where actors must be proven."""
        if workflow.unsafe.is_replaying():
            return workflow.patched(f"{name} dated")
        if self.actors is None or len(arguments) != 1 or not is_old(arguments[0], workflow.now()):
            return False
        return workflow.patched(f"{name} dated")

    def _as_first_taken(self, name: str, way: str, command: str, arguments: list[Any]) -> list[Any]:
        arguments = self._as_first_read(name, f"{way}:{command}", arguments)
        if len(arguments) != 1 or not isinstance(arguments[0], Mapping):
            return arguments
        message = {key: value for key, value in arguments[0].items() if key != TOKEN}
        verdict = self._as_first_judged(name, command, arguments[0])
        if verdict == "unstamped":
            return [{key: value for key, value in message.items() if key != "sent_at"}]
        return [message if verdict is None else Unproven(message, verdict)]

    def _as_first_read(self, name: str, purpose: str, arguments: list[Any]) -> list[Any]:
        """The arguments as they were, or were not, read when the message came, whichever keys there are now."""
        if workflow.unsafe.is_replaying():
            for first in VERDICTS:
                if workflow.patched(f"{name} {first}"):
                    return [Undecodable(WHY_UNOPENED[first])]
            arguments = [value for argument in arguments for value in _read_again(argument)]
            return [value.value if isinstance(value, Bound) else value for value in arguments]
        unopened = next((value for value in arguments if isinstance(value, Unopened)), None)
        verdict = unopened.verdict if unopened else self._misplaced(purpose, arguments)
        if verdict is None:
            return [value.value if isinstance(value, Bound) else value for value in arguments]
        workflow.patched(f"{name} {verdict}")
        workflow.logger.warning("%s is refused: %s", name, unopened.error if unopened else WHY_UNOPENED[verdict])
        return [Undecodable(WHY_UNOPENED[verdict])]

    def _misplaced(self, purpose: str, arguments: list[Any]) -> Verdict | None:
        """Why a message that was opened is not one for this purpose; None: it is, or nobody can say."""
        for argument in arguments:
            if isinstance(argument, Bound):
                if argument.purpose != purpose:
                    return "other"
                # A copy of it is a repetition, by its id.
                if not isinstance(argument.value, Mapping) or argument.value.get("command_id") is None:
                    return "unbound"
            elif self.refuse_plain and not isinstance(argument, Undecodable):
                return "unbound"
        return None

    def _as_first_judged(self, name: str, command: str, message: Mapping[str, Any]) -> Judgment | None:
        if workflow.unsafe.is_replaying():
            return next((one for one in _JUDGMENTS if workflow.patched(f"{name} {one}")), None)
        if self.actors is None or message.get("actor") is None:
            return None
        verdict = self.actors.judge(command, message, workflow.info().workflow_id, workflow.now())
        if verdict is not None:
            workflow.patched(f"{name} {verdict}")
        return verdict


def numbered(number: int) -> Payload:
    """What says under `NUMBER` which number a signal had."""
    return Payload(metadata={"encoding": b"json/plain"}, data=str(number).encode())


def number_of(headers: Mapping[str, Payload]) -> int | None:
    """The number that a signal had when it first came; None: it came for the first time. Anybody may write headers."""
    given = headers.get(NUMBER)
    return int(given.data) if given is not None and re.fullmatch(rb"[0-9]{1,18}", given.data) else None


def start_of(arguments: Sequence[Any], expected: type[Opening | Carried]) -> Opening | Carried | str:
    """What a run of an order starts with, or what is wrong with it, for its author.

    Raises NeedsNewerBuild where a newer build wrote it and this one may not go on from it.
    """
    found = arguments[0] if len(arguments) == 1 else None
    if expected is Opening and isinstance(found, Undecodable) and not isinstance(found, Unopened):
        found = _read_newer(found)
    if isinstance(found, Opening) and found.needs > DATA_VERSION:
        raise NeedsNewerBuild(f"Order {found.terms.order_id}", found.needs)
    if isinstance(found, expected):
        return found
    why = found.error if isinstance(found, Undecodable) else "not one opening"
    if expected is Carried:
        # Only a build writes that.
        raise NeedsNewerBuild("What the run before handed on", why=why)
    return why


def _read_newer(found: Undecodable) -> Opening | Undecodable:
    """The opening that a newer build wrote with keys which are not known here; any other stays as it is."""
    with suppress(ValueError):
        [opening] = [json.loads(payload.data) for payload in found.payloads]
        if isinstance(opening, Mapping):
            return read_opening(opening)
    return found


def _opening(arguments: Sequence[Any], hints: list[type[Any]]) -> list[Any]:
    """The arguments of a start. Where a key is missing the start waits for it: no order is lost by a mistake."""
    unopened = next((value for value in arguments if isinstance(value, Unopened)), None)
    begun = workflow.unsafe.is_replaying() or workflow.info().continued_run_id is not None
    if unopened is None or (unopened.verdict != "no_key" and not begun):
        return list(arguments)
    return _read_again(unopened, hints)


def _read_again(argument: Any, hints: list[type[Any]] | None = None) -> list[Any]:
    """What was read when it came, although a worker would not open it now. Raises CannotReplay."""
    if not isinstance(argument, Unopened):
        return [argument]
    if argument.verdict != "plain":
        raise CannotReplay(
            f"A payload cannot be read: {argument.error}. The order waits until RECOURSE_PAYLOAD_KEYS has its key."
        )
    converter = workflow.payload_converter()
    return converter.from_payloads(argument.payloads, hints if len(argument.payloads) == len(hints or []) else None)


def _arguments(name: str, arguments: Sequence[Any]) -> list[Any]:
    """The decoded arguments of a message; those of an unknown name come raw, behind the name."""
    if name in COMMANDS:
        return list(arguments)
    converter = workflow.payload_converter()
    return [value for raw in arguments[1] for value in converter.from_payloads([raw.payload], None)]


class RefuseBadMessages(Interceptor):
    """The worker interceptor that turns every malformed message into a recorded refusal.

    `actors` judges whether starts and messages come from whom they name; without it all of them are believed.
    `proofs`: with what an order proves to activities that a worker of ours asks. `refuse_plain`: a message must say
    what it is for.
    """

    def __init__(
        self, actors: Actors | None = None, proofs: Proofs | None = None, *, refuse_plain: bool = False
    ) -> None:
        self._gate = {"actors": actors, "proofs": proofs, "refuse_plain": refuse_plain}

    def workflow_interceptor_class(self, input: WorkflowInterceptorClassInput) -> type[WorkflowInboundInterceptor]:
        """The gate of one workflow."""
        return type("Gate", (_Gate,), self._gate)
