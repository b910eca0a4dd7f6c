"""How messages reach the order: nothing that anybody sends can be dropped unseen, or wedge or fail an order.

A payload that cannot be decoded becomes an `Undecodable` instead of an error; an interceptor hands every signal and
update, whatever its name and number of arguments, to the order's inbox as one `Message`. Replaying a history needs
the same converter and the same interceptor.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.api.common.v1 import Payload
from temporalio.contrib.pydantic import PydanticPayloadConverter
from temporalio.converter import DataConverter
from temporalio.exceptions import ApplicationError
from temporalio.worker import (
    ExecuteWorkflowInput,
    HandleSignalInput,
    HandleUpdateInput,
    Interceptor,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
)

with workflow.unsafe.imports_passed_through():
    from activities.shapes import Carried
    from resolution.commands import COMMANDS
    from resolution.order import Opening


ORDER = "Order"  # the workflow type of every order


@dataclass(frozen=True)
class Undecodable:
    """A payload that could not be read, and why."""

    error: str


class ForgivingConverter(PydanticPayloadConverter):
    """Reads payloads as ever, but gives an `Undecodable` where one cannot be read."""

    def from_payloads(self, payloads: Sequence[Payload], type_hints: list[type[Any]] | None = None) -> list[Any]:
        """The values of `payloads`, or one `Undecodable` for all of them."""
        try:
            return super().from_payloads(payloads, type_hints)
        except Exception as error:  # noqa: BLE001 - whatever a payload does, it must not wedge the order
            return [Undecodable(str(error)[:500])]


# The worker's side. Callers use `temporalio.contrib.pydantic.pydantic_data_converter`, or plain JSON.
forgiving_data_converter = DataConverter(payload_converter_class=ForgivingConverter)


class Unreadable(Exception):
    """A message that is not one readable payload; the text says why."""


def payload_of(arguments: Sequence[Any]) -> Any:
    """The one payload of a message. Raises Unreadable where there is not exactly one that could be decoded."""
    if len(arguments) != 1:
        raise Unreadable(f"{len(arguments)} arguments came, send exactly one JSON object")
    if isinstance(arguments[0], Undecodable):
        raise Unreadable(arguments[0].error)
    return arguments[0]


class _Gate(WorkflowInboundInterceptor):
    """Every message goes to `receive` or `answer` of the workflow, whatever handler its name belongs to."""

    async def execute_workflow(self, input: ExecuteWorkflowInput) -> Any:
        expected = Carried if workflow.info().continued_run_id else Opening
        readable = len(input.args) == 1 and isinstance(input.args[0], expected)
        if workflow.info().workflow_type == ORDER and not readable:
            why = input.args[0].error if input.args and isinstance(input.args[0], Undecodable) else "not one opening"
            raise ApplicationError(f"The order cannot start: {why}", type="bad_opening", non_retryable=True)
        return await super().execute_workflow(input)

    async def handle_signal(self, input: HandleSignalInput) -> None:
        workflow.instance().receive(input.signal, _arguments(input.signal, input.args))

    def handle_update_validator(self, input: HandleUpdateInput) -> None:
        """Let everything through: only an accepted update is answered with a reason and recorded."""

    async def handle_update_handler(self, input: HandleUpdateInput) -> Any:
        return await workflow.instance().answer(input.update, _arguments(input.update, input.args), input.id)


def _arguments(name: str, arguments: Sequence[Any]) -> list[Any]:
    """The decoded arguments of a message; those of an unknown name come raw, behind the name."""
    if name in COMMANDS:
        return list(arguments)
    converter = workflow.payload_converter()
    return [value for raw in arguments[1] for value in converter.from_payloads([raw.payload], None)]


class RefuseBadMessages(Interceptor):
    """The worker interceptor that turns every misfit into a recorded refusal."""

    def workflow_interceptor_class(self, input: WorkflowInterceptorClassInput) -> type[WorkflowInboundInterceptor]:
        """The gate of one workflow."""
        return _Gate


_Class = TypeVar("_Class", bound=type)


def takes_every_command(cls: _Class) -> _Class:
    """Give a workflow class a signal and an update for each command, by its name, with its description.

    They show in the Temporal UI's own dialogs; what they are sent is taken in by the interceptor above.
    """
    for name, command in COMMANDS.items():
        tell = workflow.signal(name=name, description=command.about)(_teller(name))
        ask = workflow.update(name=name, description=f"{command.about} Answers with the outcome.")(_asker(name))
        setattr(cls, f"tell_{name}", tell)
        setattr(cls, f"ask_{name}", ask)
    return cls


def _teller(name: str) -> Callable[..., None]:
    def tell(self: Any, message: Any) -> None:
        self.receive(name, [message])

    tell.__name__ = tell.__qualname__ = f"tell_{name}"
    return tell


def _asker(name: str) -> Callable[..., Any]:
    async def ask(self: Any, message: Any) -> dict[str, Any]:
        outcome: dict[str, Any] = await self.answer(name, [message], None)
        return outcome

    ask.__name__ = ask.__qualname__ = f"ask_{name}"
    return ask
