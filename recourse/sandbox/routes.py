"""What only a sandbox has: clocks to move, what was sent, payments that fail on request, and outages."""

from datetime import datetime, timedelta
from typing import Annotated, Literal, cast

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from pydantic import AwareDatetime, Field

from recourse.database.orders import read_notices
from recourse.resolution.model.durations import Duration
from recourse.resolution.model.fields import Instant
from recourse.resolution.model.outcome import Applied, Refused
from recourse.resolution.model.vocabulary import Frozen, View
from recourse.resolution.rules.clocks import next_clock
from recourse.sandbox.catching import Sent
from recourse.sandbox.clocks import ClockStopped
from recourse.sandbox.outages import PartName
from recourse.sandbox.payments import Answer, Attempt
from recourse.sandbox.running import Sandbox, sign_in_links
from recourse.web.access import OrderId, answers
from recourse.web.api.bodies import ExactRoute
from recourse.web.problems import Failure, malformed, refusal_of


def _own_pages_only(request: Request, sec_fetch_site: Annotated[str, Header()] = "") -> None:
    """Refuse what the page of another site had a browser send."""
    # Not every browser sends Sec-Fetch-Site. The host is one of those that the application allows.
    own = f"{request.url.scheme}://{request.headers['host']}"
    foreign = request.method != "GET" and request.headers.get("origin", own) != own
    if foreign or sec_fetch_site in ("cross-site", "same-site"):
        raise Failure(403, "foreign_page", "Only programs and pages of this sandbox may do that.")


router = APIRouter(prefix="/sandbox", tags=["sandbox"], route_class=ExactRoute, dependencies=[Depends(_own_pages_only)])
_environment = Environment(loader=PackageLoader("recourse.sandbox"), autoescape=True, undefined=StrictUndefined)


def _sandbox(request: Request) -> Sandbox:
    return cast(Sandbox, request.app.state.sandbox)


TheSandbox = Annotated[Sandbox, Depends(_sandbox)]


class Move(Frozen):
    """How far a clock moves: by `advance`, such as `48h` or `3d`, or to the instant `until`."""

    advance: Duration | None = None
    until: Instant | None = None


class Clock(View):
    """What the clock of an order reads, and the next instant at which time alone decides something."""

    order_id: str
    now: datetime
    next_deadline: datetime | None


class Deliveries(View):
    """What was sent, in order."""

    sent: list[Sent]


class Payments(View):
    """What the payment provider of the sandbox was asked to pay for an order, in order."""

    attempts: list[Attempt]


class Behavior(Frozen):
    """What the payment provider does for one order from now on."""

    answer: Answer


class Report(Frozen):
    """What the payment provider reports, as the command `payment_event` says it. A chargeback takes all that the client
    paid, and gives seven days to answer, where `amount` and `respond_by` are left out."""

    event: Literal["returned", "chargeback_opened", "chargeback_closed"]
    leg: str | None = None
    amount: Annotated[int, Field(strict=True)] | None = None
    respond_by: Instant | None = None
    outcome: Literal["won", "lost"] | None = None
    reference: str | None = None


class Outage(Frozen):
    """How long a part is away, such as `30s`; without `lasts`, until it is brought back."""

    lasts: Duration | None = None


class Away(View):
    """The parts that are away, each with the instant at which it comes back; null: when it is brought back."""

    away: dict[PartName, AwareDatetime | None]


async def _clock(sandbox: Sandbox, order_id: str) -> Clock:
    clock = next_clock(await sandbox.recourse.order(order_id).state())
    now = sandbox.clocks.of(order_id).replace(microsecond=0)
    return Clock(order_id=order_id, now=now, next_deadline=clock.at if clock else None)


def _target(now: datetime, move: Move) -> datetime:
    if (move.advance is None) == (move.until is None):
        raise malformed(body='give either "advance", such as "48h", or "until", an instant')
    if move.until is not None:
        if move.until <= now:
            reads = now.isoformat(timespec="seconds").replace("+00:00", "Z")
            raise malformed(until=f"is not after {reads}, which the order's clock reads: a clock only goes forward")
        return move.until
    if not move.advance:
        raise malformed(advance="is nothing: name a duration such as 48h")
    try:
        return now + move.advance
    except OverflowError:
        raise malformed(advance="leads past the year 9999") from None


@router.get("/orders/{order_id}/clock", responses=answers(404))
async def show_clock(sandbox: TheSandbox, order_id: OrderId) -> Clock:
    """What the clock of an order reads."""
    return await _clock(sandbox, order_id)


@router.post("/orders/{order_id}/clock", responses=answers(404, 409, 422))
async def move_clock(sandbox: TheSandbox, order_id: OrderId, move: Move) -> Clock:
    """Move the clock of an order forward. Everything that falls due on the way happens at its own instant."""
    if away := sorted(sandbox.outages.away):
        detail = f"The {away[0]} is away: `DELETE /sandbox/outages/{away[0]}` brings it back."
        raise Failure(409, "clock_stopped", "This order's clock has stopped.", detail=detail)
    await sandbox.recourse.order(order_id).state()
    try:
        await sandbox.clocks.move(order_id, _target(sandbox.clocks.of(order_id), move))
    except ClockStopped as error:
        raise Failure(409, "clock_stopped", "This order's clock has stopped.", detail=str(error)) from error
    return await _clock(sandbox, order_id)


@router.get("", include_in_schema=False)
async def show_page(sandbox: TheSandbox, order: Annotated[str | None, Query()] = None) -> HTMLResponse:
    """What was sent, for people, and links that sign in as each of them."""
    links = sign_in_links(sandbox)
    page = _environment.get_template("sandbox.html").render(
        order=order, links=links, sent=sandbox.catcher.of(order)[::-1], ui=sandbox.temporal_ui
    )
    return HTMLResponse(page)


@router.get("/sent")
async def list_sent(sandbox: TheSandbox, order: Annotated[str | None, Query()] = None) -> Deliveries:
    """The newest 1000 mails and webhooks that were sent, those of one `order` or all."""
    return Deliveries(sent=sandbox.catcher.of(order))


@router.post("/sent/{number}/repeat", responses=answers(404))
async def repeat_webhook(sandbox: TheSandbox, number: int) -> Sent:
    """Send a webhook once more: the same id and body, and a new signature."""
    webhook = sandbox.catcher.webhook(number)
    if webhook is None:
        detail = f"There is no webhook {number}; `GET /sandbox/sent` lists what was sent."
        raise Failure(404, "no_such_webhook", "There is no such webhook.", detail=detail)
    notices = await read_notices(sandbox.recourse.pool, webhook.order_id)
    [notice] = [notice for notice in notices if notice.id == webhook.headers["webhook-id"]]
    return await sandbox.catcher.repeat(notice)


@router.get("/orders/{order_id}/payments", responses=answers(404))
async def list_payments(sandbox: TheSandbox, order_id: OrderId) -> Payments:
    """What the provider `sandbox` was asked to pay for an order, and what it answered."""
    await sandbox.recourse.order(order_id).state()
    return Payments(attempts=sandbox.payments.of(order_id))


@router.put("/orders/{order_id}/payments", responses=answers(404, 422))
async def choose_behavior(sandbox: TheSandbox, order_id: OrderId, behavior: Behavior) -> Behavior:
    """Have the provider `sandbox` answer so for this order from now on, whatever the amounts."""
    await sandbox.recourse.order(order_id).state()
    sandbox.payments.will(order_id, behavior.answer)
    return behavior


@router.post("/orders/{order_id}/payments/events", responses=answers(404, 409, 422))
async def report_payment(sandbox: TheSandbox, order_id: OrderId, report: Report) -> Applied:
    """Have the payment provider report that a payment came back, or what the client's bank does."""
    outcome = await sandbox.reports.send(order_id, report.model_dump(mode="json", exclude_none=True))
    if isinstance(outcome, Refused):
        raise refusal_of(outcome)
    return outcome


@router.get("/outages")
async def list_outages(sandbox: TheSandbox) -> Away:
    """The parts that are away."""
    return Away(away=sandbox.outages.away)


@router.post("/outages/{part}", responses=answers(422))
async def begin_outage(sandbox: TheSandbox, part: PartName, outage: Outage | None = None) -> Away:
    """Take the database or the worker away."""
    lasts = outage.lasts if outage else None
    if lasts is not None and not timedelta(0) < lasts <= timedelta(days=1):
        raise malformed(lasts="must be longer than nothing and at most 1d")
    await sandbox.outages.begin(part, lasts)
    return Away(away=sandbox.outages.away)


@router.delete("/outages/{part}", responses=answers(422))
async def end_outage(sandbox: TheSandbox, part: PartName) -> Away:
    """Bring the database or the worker back."""
    await sandbox.outages.end(part)
    return Away(away=sandbox.outages.away)
