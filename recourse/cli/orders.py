"""`recourse order`: start an order, give its commands, see where it stands."""

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import App, Parameter
from pydantic import ValidationError

from recourse.cli.commands import ALL, As, actor, add_commands
from recourse.cli.deciding import DECISIONS
from recourse.cli.displays import ClientName, FreelancerName, Image, Link, Title, change_display, read_display
from recourse.cli.lists import say_list, say_table
from recourse.cli.output import DONE, NO, Json, OrderId, Stop, Zone, console, remark, say_json
from recourse.cli.pages import (
    actions_list,
    announced,
    erased_sentence,
    has_started,
    notices_list,
    order_page,
    outcome_page,
    outlook_page,
    starting,
)
from recourse.cli.refusing import readable
from recourse.cli.timeline import timeline
from recourse.cli.typed import Int64, Money, read_money, with_amount
from recourse.resolution.model.amounts import write_amount
from recourse.resolution.model.durations import parse_duration
from recourse.resolution.model.opening_state import OpeningState
from recourse.resolution.model.outcome import Refused
from recourse.resolution.model.record import Export
from recourse.resolution.model.terms import Terms
from recourse.resolution.model.unfit import unfit
from recourse.resolution.model.vocabulary import Party
from recourse.resolution.shown.looking_ahead import WouldBeRefused
from recourse.resolution.shown.views import view
from recourse.runtime.currencies import check_currency
from recourse.runtime.exact_json import read_json
from recourse.runtime.own_attributes import read_values
from recourse.runtime.settings import read_settings
from recourse.starter.reading import Orders, now

app = App(name="order", help="Start orders, send commands to them, see their state.")
looking_ahead = App(name="preview", help="Show what a command would do, without sending it.")

For = Annotated[
    Literal["client", "freelancer", "operator"], Parameter(name="--for", help="Show what this role may see.")
]


def _search(given: list[str] | None) -> dict[str, str | int | bool] | None:
    try:
        return read_values(given, read_settings().own_search_attributes) if given else None
    except ValueError as error:
        raise Stop(f"--search: {error}.") from error


@app.command
async def start(
    order_id: str,
    /,
    *,
    client: str,
    freelancer: str,
    price: Money,
    service_fee: Money = "0",
    currency: str = "USD",
    delivery_time: str = "5d",
    requirements: Literal["received", "awaited"] = "received",
    policy: str = "resolution_center",
    provider: str = "ledger",
    group: str | None = None,
    part: Int64 | None = None,
    payment: str | None = None,
    destination: str | None = None,
    search: Annotated[list[str] | None, Parameter(negative="")] = None,
    client_email: str | None = None,
    freelancer_email: str | None = None,
    title: Title = None,
    link: Link = None,
    image: Image = None,
    client_name: ClientName = None,
    freelancer_name: FreelancerName = None,
    ordered_at: str | None = None,
    state: Path | None = None,
    json: Json = False,
) -> int:
    """Start an order. Its money is then in escrow. Starting it again with the same terms changes nothing.

    Parameters
    ----------
    order_id
        Your marketplace's order id. It can never be reused.
    client
        The client's id in your marketplace.
    freelancer
        The freelancer's id in your marketplace.
    price
        The price that the client paid, such as `100`, `99.99` or `99.99 USD`.
    service_fee
        The fee that the client paid on top of the price.
    currency
        ISO 4217 code.
    delivery_time
        Such as `48h` or `5d`. Starts now, or with the requirements if they are awaited.
    requirements
        Whether the freelancer already has the client's requirements.
    policy
        A built-in policy (see `recourse policy list`) or the path of a policy file.
    provider
        The payment provider that moves the money, named as in the worker's RECOURSE_PAYMENT_PROVIDERS. `ledger` is the
        built-in escrow ledger.
    group
        The id of a group of orders of these two, such as the milestones of a contract.
    part
        The order's place in the group, from 1.
    payment
        What you collected the price with at the payment provider, such as a payment intent.
    destination
        The freelancer's account at the payment provider: its id there.
    search
        Your own search attribute in Temporal, `NAME=VALUE`, named as in RECOURSE_SEARCH_ATTRIBUTES; may be repeated.
    client_email
        The client's email address, stored only in the database. Used if the worker sends mail.
    freelancer_email
        The freelancer's email address.
    ordered_at
        When it was ordered, such as `2025-03-04T11:00Z`; now, if left out.
    state
        A JSON file that says where an order stands that began elsewhere. `recourse orders import` brings many.
    """
    # Only commands need Temporal and policies; what is read is there in a moment.
    from recourse.policies import load_policy
    from recourse.starter.client import Recourse

    terms = read_terms(
        order_id,
        client=client,
        freelancer=freelancer,
        price=price,
        service_fee=service_fee,
        currency=currency,
        delivery_time=delivery_time,
        requirements=requirements,
        group=group,
        part=part,
        payment=payment,
        destination=destination,
        search=_search(search),
        ordered_at=ordered_at or datetime.now(UTC).replace(microsecond=0),
    )
    display = read_display(
        {"title": title, "link": link, "image": image, "client_name": client_name, "freelancer_name": freelancer_name}
    )
    chosen, came = load_policy(policy), read_state_file(state) if state else None
    given: dict[Party, str | None] = {"client": client_email, "freelancer": freelancer_email}
    emails = {role: email for role, email in given.items() if email}
    if not json:
        console().print(starting(terms))
    async with Recourse.connect() as recourse:
        try:
            await recourse.start(terms, chosen, provider=provider, emails=emails, display=display, state=came)
        except ValueError as error:
            raise Stop(f"The order cannot start: {error}.") from error
        taken_up = await recourse.order(order_id).soon_written()
    if json:
        say_json(
            {
                "status": "started",
                "order_id": order_id,
                "workflow_id": f"order-{order_id}",
                "policy": chosen.name,
                "can_be_read": taken_up,
            }
        )
    else:
        console().print(has_started(chosen.name))
        if not taken_up:
            queue = recourse.task_queue
            console().print(f"No worker has picked it up yet: run one on the task queue {queue}.")
    return DONE


def read_state_file(file: Path) -> OpeningState:
    """Where an order stands that began elsewhere. Raises Stop with a sentence for each key that cannot be used."""
    try:
        return OpeningState.model_validate(read_json(file.read_text(encoding="utf-8")))
    except ValidationError as error:
        wrong = [f"{where} {why}" for where, why in unfit(error.errors()).items()]
        raise Stop(f"{file} cannot be used: {'; '.join(wrong)}.") from error
    except OSError as error:
        raise Stop(f"{file} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise Stop(f"{file} is not JSON that can be used: {error}.") from error


def read_terms(
    order_id: str, *, currency: str, price: str, service_fee: str, delivery_time: str, **others: Any
) -> Terms:
    """The terms of what was typed. Raises Stop with a sentence for each option that cannot be used."""
    try:
        check_currency(currency)
    except ValueError as error:
        raise Stop(f"--currency: {error}.") from error
    try:
        lasts = parse_duration(delivery_time)
    except ValueError as error:
        raise Stop(f"--delivery-time: {error}") from error
    paid = {
        "price": read_money(price, currency, "--price"),
        "service_fee": read_money(service_fee, currency, "--service-fee"),
    }
    if paid["price"] == 0:
        raise Stop(f"--price {price!r}: a price is at least {write_amount(1, currency)}.")
    try:
        return Terms(order_id=order_id, currency=currency, delivery_time=lasts, **paid, **others)
    except ValidationError as error:
        named = {"order_id": "the order's id"}
        wrong = [
            f"{named.get(where, '--' + where.replace('_', '-'))} {why}" for where, why in unfit(error.errors()).items()
        ]
        raise Stop(f"These terms cannot be used: {'; '.join(wrong)}.") from error


@app.command
async def show(order_id: OrderId, /, *, reader: For = "operator", zone: Zone = "UTC", json: Json = False) -> None:
    """Show the state of an order, as a role sees it."""
    async with Orders.connect() as orders:
        order, display = await orders.order(order_id).state(), await orders.order(order_id).display()
    page = view(order, reader, now()).model_copy(update={"display": display})
    if json:
        say_json(page)
    else:
        console().print(order_page(order, page, zone, reader))


@app.command(name="timeline")
async def show_timeline(
    order_id: OrderId, /, *, reader: For = "operator", zone: Zone = "UTC", json: Json = False
) -> None:
    """Show the history of an order, as a role may see it."""
    async with Orders.connect() as orders:
        record = await orders.order(order_id).record(reader, signed=False)
        erased = await orders.order(order_id).erased() if reader == "operator" else []
    if json:
        say_json(record)
        return
    say_table(timeline(Export.model_validate(record), zone=zone))
    for one in erased:
        remark(erased_sentence(one, zone))


@app.command
async def actions(order_id: OrderId, /, *, reader: For = "client", json: Json = False) -> None:
    """Show what a role can do now, the bounds and deadlines, and what becomes available later."""
    async with Orders.connect() as orders:
        order = await orders.order(order_id).state()
        found = await orders.order(order_id).actions(reader)
    say_list(actions_list(found, reader, order.terms.currency), json=json)


@app.command
async def notices(order_id: OrderId, /, *, reader: For = "client", json: Json = False) -> None:
    """Show the notices that a role received about an order."""
    async with Orders.connect() as orders:
        told = await orders.order(order_id).notices(reader)
    say_list(notices_list(told, reader), json=json)


async def _give(command: str, order_id: str, sender: As, fields: Mapping[str, Any], signal: bool, json: bool) -> int:
    from recourse.starter.client import Recourse

    async with Recourse.connect() as recourse:
        handle = recourse.order(order_id)
        order = await handle.state()
        given, amount = with_amount(order, command, fields)
        message = readable(command, {"actor": actor(order.terms, sender), **given})
        if amount and not json:
            console().print(announced(command, order_id, amount))
        outcome = await (handle.signal if signal else handle.send)(command, message)
    if json:
        say_json(outcome or {"status": "sent"})
    else:
        console().print(outcome_page(outcome, order.terms.currency, amount))
    return NO if isinstance(outcome, Refused) else DONE


async def _preview(command: str, order_id: str, sender: As, fields: Mapping[str, Any], signal: bool, json: bool) -> int:
    async with Orders.connect() as orders:
        order = await orders.order(order_id).state()
        given, amount = with_amount(order, command, fields)
        message = readable(command, {"actor": actor(order.terms, sender), "command_id": secrets.token_hex(8), **given})
        answer = await orders.order(order_id).preview(command, message)
    if json:
        say_json(answer)
    else:
        console().print(outlook_page(answer, order.terms.currency, amount))
    return NO if isinstance(answer, WouldBeRefused) else DONE


add_commands(app, _give, [name for name in ALL if name not in DECISIONS], can_be_signals=True)
add_commands(looking_ahead, _preview, ALL)
app.command(looking_ahead)
app.command(change_display, name="display")
app.command("recourse.cli.dev:advance", name="advance", help="Move the clock of an order in a sandbox forward.")
app.command(
    "recourse.cli.recovering:revive",
    name="revive",
    help="Restart an order whose workflow is lost or behind the database.",
)
app.command(
    "recourse.cli.recovering:repair",
    name="repair",
    help="Restore steps that the database lost, from Temporal's histories.",
)
