"""The first answers to commands, by which an order knows a repetition."""

from typing import NamedTuple

from recourse.resolution.model.data_version import DATA_VERSION, NeedsNewerBuild
from recourse.resolution.model.order import Order
from recourse.resolution.model.outcome import Outcome, Refused
from recourse.resolution.model.reading import Message

Key = tuple[str, str]  # sender and command id


class FirstAnswer(NamedTuple):
    """The first answer to a command id. `fingerprint`: of the command that got it; None where that is not known, and
    whatever comes counts as the same. `reported`: its sender has it."""

    outcome: Outcome
    fingerprint: str | None
    reported: bool = True


def check_build(order: Order, message: Message, answered: Outcome) -> None:
    """Return where this build can say whether what was answered under the id of a message is something else. It cannot
    where it cannot read the message and a newer build may have answered. Raises NeedsNewerBuild."""
    code = message.refusal.code if message.refusal else None
    if code not in ("malformed", "unknown_command") or order.made_for <= DATA_VERSION:
        return
    # This build gave the answer where that is the same refusal.
    same = isinstance(answered, Refused) and answered.code == code
    if answered.command == message.name and not same:
        what = f"Command {message.command_id} of order {order.terms.order_id}"
        raise NeedsNewerBuild(what, order.made_for, "it has an answer, and this build cannot read it")
