"""`recourse order`: start an order, give its commands, see where it stands."""

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from cyclopts import App, Parameter
from pydantic import ValidationError

from policies import load_policy
from resolution.durations import parse_duration
from resolution.order import Terms
from resolution.record import Export
from resolution.words import Party
from starter.cli.commands import ALL, As, actor, add_commands
from starter.cli.output import DONE, Json, Stop, Zone, console, say_json
from starter.cli.pages import actions_table, notices_table, order_page, outcome_page, outlook_page
from starter.client import Orders, Outcome, Recourse
from starter.timeline import timeline

app = App(name="order", help="Start orders, give their commands, see where they stand.")
looking_ahead = App(name="preview", help="What a command would lead to, without giving it.")

For = Annotated[Literal["client", "freelancer", "operator"], Parameter(name="--for")]


@app.command
async def start(
    order_id: str,
    /,
    *,
    client: str,
    freelancer: str,
    price: int,
    service_fee: int = 0,
    currency: str = "USD",
    delivery_time: str = "5d",
    requirements: Literal["received", "awaited"] = "received",
    policy: str = "resolution_center",
    provider: str = "ledger",
    client_email: str | None = None,
    freelancer_email: str | None = None,
    json: Json = False,
) -> int:
    """Start an order; its money is then in escrow. Starting it again with the same terms changes nothing.

    Parameters
    ----------
    order_id
        The marketplace's own id of the order; never used again.
    client, freelancer
        The ids by which the marketplace knows the parties.
    price, service_fee
        In minor units (cents) of `currency`; the client has paid both.
    delivery_time
        Such as `48h` or `5d`; runs from now, or from the requirements if they are awaited.
    policy
        A preset, or the path of a policy file; see `recourse policy list`.
    provider
        The payment provider that moves its money, as the worker knows it (RECOURSE_PAYMENT_PROVIDERS); `ledger` is the
        built-in escrow ledger.
    client_email, freelancer_email
        Where they hear of it, if the worker sends mail; kept in the database only.
    """
    try:
        terms = Terms(
            order_id=order_id,
            client=client,
            freelancer=freelancer,
            currency=currency,
            price=price,
            service_fee=service_fee,
            ordered_at=datetime.now(UTC).replace(microsecond=0),
            delivery_time=parse_duration(delivery_time),
            requirements=requirements,
        )
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, found['loc']))}: {found['msg']}" for found in error.errors())
        raise Stop(f"These terms cannot be used: {wrong}") from error
    except ValueError as error:
        raise Stop(f"--delivery-time: {error}") from error
    chosen = load_policy(policy)
    given: dict[Party, str | None] = {"client": client_email, "freelancer": freelancer_email}
    emails = {role: email for role, email in given.items() if email}
    async with Recourse.connect() as recourse:
        try:
            await recourse.start(terms, chosen, provider=provider, emails=emails)
        except ValueError as error:
            raise Stop(f"The order cannot start: {error}.") from error
        taken_up = await recourse.soon_written(order_id)
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
        console().print(f"Order {order_id} has started under policy {chosen.name}.")
        if not taken_up:
            queue = recourse.task_queue
            console().print(f"No worker has taken it up yet: run one on the task queue {queue}.", markup=False)
    return DONE


@app.command
async def show(order_id: str, /, *, reader: For = "operator", zone: str = "UTC", json: Json = False) -> None:
    """Where an order stands, as one role sees it.

    Parameters
    ----------
    zone
        The time zone in which instants are shown, such as `Europe/Berlin`; JSON is always in UTC.
    """
    async with Orders.connect() as orders:
        page = await orders.show(order_id, reader)
    if json:
        say_json(page)
    else:
        console().print(order_page(page, zone))


@app.command(name="timeline")
async def show_timeline(order_id: str, /, *, reader: For = "operator", zone: Zone = "UTC", json: Json = False) -> None:
    """What has happened in an order: its record, as one role may read it."""
    async with Orders.connect() as orders:
        record = await orders.record(order_id, reader)
    if json:
        say_json(record)
    else:
        console().print(timeline(Export.model_validate(record), zone=zone))


@app.command
async def actions(order_id: str, /, *, reader: For = "client", json: Json = False) -> None:
    """What a role can do now, within which bounds and until when, and what opens later."""
    async with Orders.connect() as orders:
        found = await orders.actions(order_id, reader)
    if json:
        say_json(found)
    else:
        console().print(actions_table(found, reader))


@app.command
async def notices(order_id: str, /, *, reader: For = "client", json: Json = False) -> None:
    """What a role was told about an order."""
    async with Orders.connect() as orders:
        told = await orders.notices(order_id, reader)
    if json:
        say_json(told)
    else:
        console().print(notices_table(told, reader))


async def _give(command: str, order_id: str, sender: As, fields: Mapping[str, Any], signal: bool, json: bool) -> int:
    async with Recourse.connect() as recourse:
        order = await recourse.order(order_id)
        message = {"actor": actor(order, sender), **fields}
        if signal:
            sent = await recourse.tell(order_id, command, message)
            outcome = Outcome.of({"status": "sent"} if sent else {"status": "refused", "code": "order_closed"})
        else:
            outcome = await recourse.send(order_id, command, message)
    if json:
        say_json(outcome.whole)
    else:
        console().print(outcome_page(outcome))
    return DONE if outcome.code is None else 1


async def _preview(command: str, order_id: str, sender: As, fields: Mapping[str, Any], signal: bool, json: bool) -> int:
    async with Orders.connect() as orders:
        order = await orders.order(order_id)
        message = {"actor": actor(order, sender), "command_id": secrets.token_hex(8), **fields}
        answer = await orders.preview(order_id, command, message)
    if json:
        say_json(answer)
    else:
        console().print(outlook_page(answer, order.terms.currency))
    return DONE if "refused" not in answer else 1


# An operator's decisions are asked about first: `recourse cases`.
add_commands(app, _give, [name for name in ALL if name not in ("propose", "rule")], can_be_signals=True)
add_commands(looking_ahead, _preview, ALL, can_be_signals=False)
app.command(looking_ahead)
