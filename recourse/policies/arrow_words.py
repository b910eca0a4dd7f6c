"""What one move of an order is called on a chart. `{who}` stands for the party, or for either."""

from recourse.policies.clock_keys import clock_key
from recourse.policies.keys import undotted, written
from recourse.policies.state_graph import Move
from recourse.resolution.model.commands import Accept, Counter, Decline, MakeRequest, Rule, UndoCancellation, Withdraw
from recourse.resolution.model.order import Order
from recourse.resolution.model.policy import Policy
from recourse.resolution.model.vocabulary import How
from recourse.resolution.rules.clocks import Clock

_COMMANDS = {
    "submit_requirements": "{who} sends the requirements",
    "deliver": "{who} delivers",
    "ask_revision": "{who} asks for a revision",
    "complete": "{who} completes",
    "accept": "{who} accepts",
    "decline": "{who} declines",
    "counter": "{who} names another amount",
    "withdraw": "{who} takes it back",
    "settle": "both name the same amount",
    "escalate": "{who} goes to an operator",
    "propose": "operator proposes an amount",
    "appeal": "{who} appeals",
}
_REQUESTS = {
    "cancel": "{who} asks to cancel",
    "extension": "{who} asks for more time",
    "update": "{who} asks for an update",
    "partial_refund": "{who} offers a part back",
}
_ALONE: dict[How, str] = {
    "forced_late": "{who} cancels alone, very late",
    "regretted": "{who} cancels alone, regretting it",
    "unilateral": "{who} cancels alone",
}
_CLOCKS = {
    "answer_due": "{time} of silence",
    "proposal_due": "{time} without both answers",
    "case_due": "{time} without a ruling",
    "appeal_window_ends": "{time} without an appeal",
    "appeal_due": "{time} without a second ruling",
    "auto_complete": "{time} pass",
    "settlement": "{time} pass",
    "dormancy": "{time} without a word",
}


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
            return _ALONE[how] if how else _REQUESTS[command.kind]
        case Rule(outcome="continue"):
            return "operator rules to go on"
        case Rule(outcome="cancel"):
            return "operator rules to cancel"
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
