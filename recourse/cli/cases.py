"""`recourse cases`: what waits for an operator, and the operator's two answers."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, NamedTuple

from cyclopts import App, Parameter
from rich.console import Group

from recourse.cli.deciding import By, decide
from recourse.cli.finding import place, read_place
from recourse.cli.lists import Listed, Watch, keep_saying
from recourse.cli.output import NO, After, Json, OrderId, Stop, Yes, Zone, console, more, plain, say_json
from recourse.cli.pages import between, order_page
from recourse.cli.tables import Cell, Column, Listing, pairs, toned
from recourse.cli.times import away, due
from recourse.cli.typed import Limit, Money
from recourse.database.lists import WaitingCase, read_orders, undecided_cases
from recourse.database.orders import read_record
from recourse.resolution.model.amounts import write_amount
from recourse.resolution.model.entry import AppliedEntry
from recourse.resolution.model.fields import visible
from recourse.resolution.model.instants import write_instant
from recourse.resolution.model.money import held
from recourse.resolution.model.opening_state import Imported
from recourse.resolution.model.order import Order
from recourse.resolution.model.step import RecordEntry
from recourse.resolution.model.vocabulary import PARTIES, Fault, Role, RulingOutcome
from recourse.resolution.shown.looking_ahead import Actions, if_nobody_acts
from recourse.runtime.database_connection import explaining_database_errors
from recourse.starter.reading import Orders, now
from recourse.wording.english import PHASES, as_words

app = App(name="cases", help="Handle cases as an operator.")

Explanation = Annotated[str, Parameter(help="The reasons. Both parties receive them.")]
Gross = Annotated[Money, Parameter(help="The freelancer's total before commission, such as `30.50` or `30.50 USD`.")]
Stage = Literal["mediation", "ruling", "appeal"]


@app.command(name="list")
async def list_open(
    *,
    overdue: Annotated[bool, Parameter(negative="")] = False,
    waiting: Annotated[bool, Parameter(negative="")] = False,
    stage: Stage | None = None,
    policy: str | None = None,
    after: After = "",
    limit: Limit = 50,
    watch: Watch = False,
    json: Json = False,
) -> None:
    """List open cases, next due first: whose turn it is, the money at stake, and what silence means.

    Parameters
    ----------
    overdue
        Only cases past their deadline that no worker has processed.
    waiting
        Only cases in which the parties wait for an operator.
    stage
        Only cases at this stage.
    policy
        Only cases under the policy of this name.
    """
    narrowed = overdue or waiting or stage or policy
    async with Orders.connect() as orders:

        async def read() -> Listed:
            at = now()
            with explaining_database_errors():
                found = await undecided_cases(
                    orders.pool,
                    after=read_place(after),
                    limit=limit,
                    stage=stage,
                    turn="operator" if waiting else None,
                    policy=policy,
                    due_by=at if overdue else None,
                )
                known = await read_orders(orders.pool, [row.order_id for row in found])
            shown = [(row, known.get(row.order_id)) for row in found]
            return Listed(
                [_told(row, order, at) for row, order in shown],
                Listing(
                    (
                        "order",
                        Column("title", extra=True),
                        "case",
                        "turn",
                        Column("at stake", right=True),
                        "if nobody acts",
                    ),
                    [_cells(row, order, at) for row, order in shown],
                ),
                "No matching cases." if narrowed else "No case is open.",
                [more(place(found[-1].due_at, found[-1].order_id))] if len(found) == limit else [],
            )

        await keep_saying(read, json=json, watch=watch)


def _told(row: WaitingCase, order: Order | None, at: datetime) -> dict[str, Any]:
    more = {"held": held(order), "if_nobody_acts": if_nobody_acts(order, "operator")} if order else {}
    return {**plain(row), "overdue": row.due_at <= at, **more}


def _cells(row: WaitingCase, order: Order | None, at: datetime) -> Sequence[Cell]:
    turn = row.turn + (f", {away(row.turn_until, at)}" if row.turn_until != row.due_at else "")
    return (
        f"{row.order_id} ({row.policy})",
        (row.display and row.display.title) or "",
        toned(f"{row.stage}, {due(row.due_at, at)}", "red" if row.due_at <= at else ""),
        toned(turn, "bold" if row.turn == "operator" else ""),
        write_amount(held(order), row.currency) if order else "",
        silence(order, at) if order else "needs a newer build of Recourse",
    )


def silence(order: Order, at: datetime) -> str:
    """What happens, and when, if nobody does anything."""
    silent = if_nobody_acts(order, "operator")
    if silent is None:
        return "nothing happens by itself"
    money, currency = silent.money.parts, order.terms.currency
    shares = ", ".join(f"{who} {write_amount(money[who], currency)}" for who in PARTIES if money[who])
    if silent.phase in ("canceled", "completed"):
        return f"{away(silent.at, at)}: {silent.phase}; {shares}"
    stage = f"; the case goes to {silent.case.stage}" if silent.case and silent.case.stage != "closed" else ""
    return f"{away(silent.at, at)}: the order goes on, {PHASES[silent.phase]}{stage}"


class Statement(NamedTuple):
    """The words of somebody, and the command that brought them."""

    who: Role
    at: datetime
    command: str
    said: str


@app.command
async def show(order_id: OrderId, /, *, zone: Zone = "UTC", json: Json = False) -> None:
    """Show a case: the order, each side's statements and offers, what you can do, and what silence means."""
    at = now()
    async with Orders.connect() as orders:
        order = await orders.order(order_id).state()
        if order.case is None:
            raise Stop(f"Order {visible(order_id)} never had a case; see it with `recourse order show`.", NO)
        page, can = await orders.order(order_id).show("operator"), await orders.order(order_id).actions("operator")
        with explaining_database_errors():
            said = list(_said(await read_record(orders.pool, order_id)))
    if json:
        silent = if_nobody_acts(order, "operator")
        say_json({**plain(page), "said": [one._asdict() for one in said], **plain(can), "if_nobody_acts": silent})
        return
    console().print(Group(order_page(order, page, zone), pairs(_case_lines(order, can, said, at, zone))))


def _case_lines(order: Order, can: Actions, said: list[Statement], at: datetime, zone: str) -> Any:
    case, currency = order.case, order.terms.currency
    if case is None:
        return
    opened = f"by {case.opened_by} {away(case.opened_at, at)}" + (f", {as_words(case.reason)}" if case.reason else "")
    yield "case opened", opened
    if case.open:
        due_at = order.runs_out(case.due_at)
        yield "case", f"{case.stage}, {due(due_at, at)} ({write_instant(due_at, zone)})"
    for party, amount in case.offers.model_dump(exclude_none=True).items():
        yield f"{party} offers", write_amount(amount, currency) + " to the freelancer"
    if case.proposal:
        yield (
            "proposed",
            f"{write_amount(case.proposal.amount, currency)}, "
            f"until {write_instant(order.runs_out(case.proposal.due_at), zone)}",
        )
    if case.ruling:
        yield (
            "ruled",
            f"{as_words(case.ruling.outcome)} by {case.ruling.operator}: {case.ruling.explanation}",
        )
    for one in said:
        yield f"{one.who} said", f"“{one.said}”"
    yield "if nobody acts", silence(order, at)
    for name in ("propose", "rule"):
        if name not in can.actions:
            continue
        bounds = can.actions[name].amount
        if bounds:
            yield f"you can {name}", f"{between(bounds, currency)} for the freelancer, before commission:"
        sample = write_amount(bounds.at_least, currency).removesuffix(f" {currency}") if bounds else "AMOUNT"
        outcome = " --outcome cancel" if name == "rule" else ""
        given = f"--as operator:YOU{outcome} --amount {sample} --explanation WHY"
        yield "", f"recourse cases {name} {order.terms.order_id} {given}"


def _said(record: Sequence[RecordEntry]) -> Iterator[Statement]:
    """The words of everybody that were applied, in order."""
    for entry in record:
        content = entry.parsed
        if not isinstance(content, AppliedEntry) or content.actor is None:
            continue
        for event in content.events:
            if isinstance(event, Imported) and (brought := event.state.request) and brought.comment:
                yield Statement(brought.by, brought.opened_at, "request", brought.comment)
        for name in ("comment", "explanation", "text", "title"):
            if content.fields.get(name):
                yield Statement(content.actor.role, content.at, content.command, str(content.fields[name]))


@app.command
async def propose(
    order_id: OrderId, /, *, sender: By, amount: Gross, explanation: Explanation, yes: Yes = False, json: Json = False
) -> int:
    """Propose a settlement to both parties. Shows the effect and asks for confirmation."""
    return await decide(order_id, "propose", sender, {"amount": amount, "explanation": explanation}, yes, json)


@app.command
async def rule(
    order_id: OrderId,
    /,
    *,
    sender: By,
    outcome: RulingOutcome,
    explanation: Explanation,
    amount: Gross | None = None,
    fault: Fault = "none",
    exempt: Annotated[bool, Parameter(negative="")] = False,
    yes: Yes = False,
    json: Json = False,
) -> int:
    """Decide the case. Shows the effect and asks for confirmation: you cannot undo a ruling.

    Parameters
    ----------
    outcome
        `cancel` needs an amount; `let_them_decide` closes the case and leaves the decision to the parties; `refund`,
        for completed orders, needs what of the price goes back as its amount.
    fault
        The party at fault.
    exempt
        Do not count it in the freelancer's score.
    """
    fields: dict[str, Any] = {"outcome": outcome, "explanation": explanation, "fault": fault, "exempt": exempt}
    fields |= {} if amount is None else {"amount": amount}
    return await decide(order_id, "rule", sender, fields, yes, json)
