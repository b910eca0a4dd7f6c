"""What one move of an order is called on a chart. `{who}` stands for the party, or for either."""

from recourse.policies.clock_keys import clock_key
from recourse.policies.keys import undotted, written
from recourse.policies.state_graph import Move
from recourse.resolution.model.commands import Accept, Counter, Decline, MakeRequest, UndoCancellation, Withdraw
from recourse.resolution.model.operator_commands import Rule
from recourse.resolution.model.order import Order
from recourse.resolution.model.policy import Policy
from recourse.resolution.rules.clocks import Clock
from recourse.wording import texts

_COMMANDS = texts("command", "arrow")
_ASKS = texts("request", "asks")
_ALONE = texts("how", "arrow")
_CLOCKS = texts("clock", "arrow")


def arrow_words(policy: Policy, move: Move, before: Order) -> str:
    """A few words for the move, made on the order `before`."""
    command = move.command
    match command:
        case None:
            clock = Clock(name=move.name, at=move.at)
            return _CLOCKS[move.name].format(time=written(policy)[undotted(clock_key(before, clock))])
        case MakeRequest(no_agreement=True) if move.after.open_case:
            return "{who} says there is no agreement"
        case MakeRequest():
            how = move.after.resolution.how if move.after.resolution else None
            if how == "mutual":
                # It crossed the open request, and accepts that.
                return _COMMANDS["accept"]
            return _ALONE[how] if how else f"{{who}} asks {_ASKS[command.kind]}"
        case Rule(outcome="continue"):
            return "operator rules to go on"
        case Rule(outcome="cancel"):
            return "operator rules to cancel"
        case Rule(outcome="refund"):
            return "operator gives a part back"
        case Rule():
            return "operator lets them decide"
        case UndoCancellation():
            if before.open_request:
                return "{who} takes it back"
            return "{who} asks to undo" if move.after.open_request else "{who} undoes"
        case Withdraw() if before.open_case:
            return "who brought it takes it back"
        case Accept() | Decline() if before.open_proposal:
            return "both accept" if isinstance(command, Accept) else "one of them declines"
        case Counter() if move.after.open_request is None:
            # An amount that meets the one on the table accepts it.
            return _COMMANDS["accept"]
        case _:
            return _COMMANDS[command.name]
