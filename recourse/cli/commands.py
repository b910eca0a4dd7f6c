"""Every command of the contract as a command of the command line, made from its own fields and descriptions."""

import inspect
import types
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from cyclopts import App, Parameter

from recourse.cli.output import GroupId, Json, OrderId, Stop
from recourse.cli.typed import Int64, Money
from recourse.database.lists import Parties
from recourse.resolution.model.command import Command
from recourse.resolution.model.commands import COMMANDS
from recourse.resolution.model.terms import Terms

ALL = [name for name, command in COMMANDS.items() if command.roles != ("system",)]
As = Annotated[
    str,
    Parameter(name="--as", help="The sender: `client`, `freelancer` or `operator:ID`; `client:ID` for a specific id."),
]
Give = Callable[[str, str, str, Mapping[str, Any], bool, bool], Awaitable[int]]

# What is typed otherwise than programs send it.
HELP = {
    "attestations": "A required confirmation; repeat for several.",
    "extend_by": "Such as `48h` or `3d`.",
    "until": "When you are back, such as `2027-01-04T09:00:00Z`; cut to what the policy leaves you.",
}
IDS = {"order_id": OrderId, "group": GroupId}
AMOUNT = Annotated[
    Money | None,
    Parameter(
        help="Money, such as `30.50` or `30.50 USD`: what the freelancer gets before commission, what the client "
        "gets back in a partial refund, or what an extra costs."
    ),
]


def actor(parties: Terms | Parties, sender: str) -> dict[str, str]:
    """The actor that `--as` means; a party's own id is the order's."""
    role, _, given = sender.partition(":")
    if role in ("client", "freelancer"):
        return {"role": role, "id": given or (parties.client if role == "client" else parties.freelancer)}
    if role == "operator" and given:
        return {"role": role, "id": given}
    raise Stop(f"Invalid --as {sender!r}: expected `client`, `freelancer` or `operator:ID`.")


def add_commands(
    app: App,
    give: Give,
    names: Sequence[str],
    *,
    can_be_signals: bool = False,
    to: str = "order_id",
    amount: Any = AMOUNT,
) -> None:
    """Add the named commands of the contract to `app`; `give` is called with what was typed.

    `to` is whose id they are given to, `amount` the type of an amount.
    """
    for name in names:
        typed = _typed(name, COMMANDS[name], give, can_be_signals, to, amount)
        app.command(typed, name=name.replace("_", "-"))


def _typed(
    name: str, command: type[Command], give: Give, can_be_signals: bool, to: str, amount: Any
) -> Callable[..., Awaitable[int]]:
    fields = [field for field in command.model_fields if field not in ("actor", "sent_at")]

    async def typed(given_to: str, /, **options: Any) -> int:
        sender, as_json = options.pop("sender"), options.pop("json", False)
        signal = options.pop("signal", False)
        given = {key: value for key, value in options.items() if value is not None and value != ()}
        return await give(name, given_to, sender, given, signal, as_json)

    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [
        inspect.Parameter(to, inspect.Parameter.POSITIONAL_ONLY, annotation=IDS[to]),
        inspect.Parameter("sender", keyword, annotation=As),
    ]
    for field in fields:
        known = command.model_fields[field]
        note = Parameter(help=HELP.get(field, known.description), negative="")
        plain = _plain_type(known.annotation)
        if field == "amount":
            parameters.append(inspect.Parameter(field, keyword, default=None, annotation=amount))
        elif known.is_required():
            parameters.append(inspect.Parameter(field, keyword, annotation=Annotated[plain, note]))
        else:
            parameters.append(inspect.Parameter(field, keyword, default=None, annotation=Annotated[plain | None, note]))
    if can_be_signals:
        words = Parameter(negative="", help="Send it as a signal and do not wait for the outcome.")
        parameters.append(inspect.Parameter("signal", keyword, default=False, annotation=Annotated[bool, words]))
    parameters.append(inspect.Parameter("json", keyword, default=False, annotation=Json))
    typed.__name__ = name
    typed.__doc__ = command.about
    typed.__signature__ = inspect.Signature(parameters, return_annotation=int)  # type: ignore[attr-defined]
    typed.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return typed


def _plain_type(annotation: Any) -> Any:
    """The type that is typed on a command line for a field; its bounds are checked where the command is read."""
    if get_origin(annotation) is Annotated:
        return _plain_type(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return _plain_type(next(inner for inner in get_args(annotation) if inner is not type(None)))
    if get_origin(annotation) is Literal:
        return annotation
    if get_origin(annotation) is tuple:
        return list[str]
    if annotation is int:
        return Int64
    return annotation if annotation in (str, bool) else str
