"""What goes wrong for a caller: one base for every error that Recourse raises on purpose."""

from collections.abc import Mapping
from enum import IntEnum
from typing import Any


class ExitStatus(IntEnum):
    """How `recourse` ends when this error reaches its command line."""

    NO = 1
    BAD_INPUT = 2
    UNREACHABLE = 3


class RecourseError(Exception):
    """An error with one sentence that says what is wrong, where, and what to do.

    Whatever else is raised is a fault of Recourse or of the caller's program. A refused command is no error: it is an
    `Outcome`.
    """

    exit_status = ExitStatus.NO
    # Of the call over HTTP that it ended: the server's logs have it, too.
    request_id: str | None = None


class BadInput(RecourseError):
    """Something that was given cannot be used; nothing was done."""

    exit_status = ExitStatus.BAD_INPUT


class Unreachable(RecourseError):
    """A server cannot be reached, or does not answer."""

    exit_status = ExitStatus.UNREACHABLE


class ServerUnreachable(Unreachable):
    """The server of the HTTP API did not answer in time. Nothing was done."""


class DatabaseUnreachable(Unreachable):
    """The database is away; the text names its address, without the password, and what to do.

    `plain` is what of that anybody may read: no address, no name.
    """

    def __init__(self, text: str, plain: str = "") -> None:
        super().__init__(text)
        self.plain = plain


class TemporalUnreachable(Unreachable):
    """Temporal does not answer; the text names its address and says what to do."""


class ProviderUnreachable(Unreachable):
    """The payment provider did not say whether the money of an order is there. The order has not started."""


class Unanswered(Unreachable):
    """No answer came, so it is unknown whether a command, or a start, arrived.

    It is safe to send the same again. Send a command with the `command_id` that is here: if it did arrive, it gets its
    first answer.
    """

    def __init__(self, sentence: str, command_id: str | None = None) -> None:
        super().__init__(sentence)
        self.command_id = command_id


class OrderNotRunning(Unreachable):
    """The order has lost its workflow: it was terminated or deleted, or it runs on another Temporal.

    `remedy` is the command with which an operator repairs that. The order did not receive what was sent.
    """

    def __init__(self, sentence: str, remedy: str) -> None:
        super().__init__(sentence)
        self.remedy = remedy


class UnknownCursor(BadInput):
    """The database has no change with this cursor."""

    def __init__(self, cursor: str) -> None:
        super().__init__(
            f"This database has no change with the cursor {cursor}: it is another database's, or it was lost when this "
            "one was set back. Go on from an earlier one, or from `start`, and skip the changes whose cursor you have."
        )


class BadOpening(BadInput):
    """An order cannot begin like this; `contradictions` has a sentence for everything that cannot be true of it."""

    def __init__(self, order_id: str, contradictions: list[str]) -> None:
        super().__init__(f"Order {order_id} cannot begin like this: {'; '.join(contradictions)}.")
        self.contradictions = contradictions


class NoSuchOrder(RecourseError):
    """There is no order of this id."""


class NoSuchGroup(RecourseError):
    """There is no group of this id, or it has no order of the actor's."""


class NotOfTheGroup(RecourseError):
    """The group that an order was to start in belongs to other parties, or has this part already."""


class PaymentMissing(RecourseError):
    """The payment provider says that the money of an order is not there. The order has not started."""


class OrderExists(RecourseError):
    """An order of this id was started with other terms. An order id can never be reused."""


class CallFailed(RecourseError):
    """A call over HTTP that the server refused, for a reason that has no class of its own.

    `code` is that of the [problem](docs/errors.md), `status` the HTTP status, `details` what helps by the code.
    `unreadable_answer`: the answer is not one of Recourse's.
    """

    def __init__(self, call: str, status: int, code: str, title: str, detail: str, details: Mapping[str, Any]) -> None:
        problems = details.get("problems")
        found = "; ".join(f"{where} {why}" for where, why in problems.items()) if isinstance(problems, dict) else ""
        super().__init__(" ".join(filter(None, (f"{call}:", title, detail, found, f"({status}, {code})"))))
        self.status = status
        self.code = code
        self.details = dict(details)
