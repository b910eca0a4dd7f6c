"""What payment providers report, as they post it."""

import asyncio
from datetime import timedelta
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Path, Request
from pydantic import Field

from recourse.activities.providers import BadSignature, PaymentReport, TryLater
from recourse.errors import BadInput
from recourse.resolution.model.fields import excerpt
from recourse.resolution.model.vocabulary import View
from recourse.starter.reporting import Result, take_report
from recourse.web.access import Site, TheSite, answers
from recourse.web.patience import patient
from recourse.web.problems import Failure, unreachable

router = APIRouter(tags=["payments"])
EARLY_AFTER = "60"  # seconds

Provider = Annotated[str, Path(description="The payment provider, as RECOURSE_PAYMENT_PROVIDERS names it.")]


# Its signature takes the place of a token.
_ANSWERS = {status: answer for status, answer in answers(400, 404, 413, 422).items() if status != 401}
_ANSWERS[404] = {**_ANSWERS[404], "description": "There is no such payment provider."}


class ReportTaken(View):
    """One report and what came of it."""

    event_id: str = Field(description="The provider's id of the event.")
    result: Result = Field(
        description="`taken`; `repeated`: the order knew it; `refused` by the order; `not_ours`: for no order of ours."
    )


class EventTaken(View):
    """What came of an event. It need not be sent again."""

    reports: list[ReportTaken] = Field(description="The reports in it; an event that is about no order has none.")


@router.post(
    "/payments/{provider}/events",
    summary="Take an event that a payment provider posts.",
    responses=_ANSWERS,
    openapi_extra={"requestBody": {"required": True, "content": {"*/*": {}}}},
)
async def take_event(site: TheSite, request: Request, provider: Provider) -> EventTaken:
    """An answer of 2xx means that the event need not come again. It counts once, however often it comes."""
    if provider not in site.providers or getattr(site.providers[provider].provider, "read_event", None) is None:
        why = f"This server knows no payment provider {excerpt(provider)} that reports events: see docs/payments.md."
        raise Failure(404, "no_such_provider", "There is no such payment provider.", detail=why)
    reports = await _read(site, provider, request)
    site.reports.count("provider", provider)
    taken = [ReportTaken(event_id=one.event_id, result=await _take(site, provider, one)) for one in reports]
    if any(one.result == "early" for one in taken):
        why = "It is about something that has not come to the order yet. Send it again in some minutes."
        raise Failure(503, "too_early", "This event came too early.", detail=why, headers={"Retry-After": EARLY_AFTER})
    return EventTaken(reports=taken)


async def _read(site: Site, provider: str, request: Request) -> list[PaymentReport]:
    body, calls = await request.body(), site.providers[provider]
    read = partial(calls.provider.read_event, dict(request.headers))
    try:
        reports: list[PaymentReport] = await calls.call(read, body, asyncio.get_running_loop().time() + site.patience)
    except BadSignature as error:
        site.reported.count(provider, "bad_signature")
        raise Failure(400, "bad_signature", "The signature does not fit this event.", detail=str(error)) from error
    except BadInput as error:
        site.reported.count(provider, "unreadable")
        raise Failure(400, "unreadable_event", "This event cannot be read.", detail=str(error)) from error
    except (TimeoutError, TryLater) as error:
        raise unreachable("The payment provider", "no_answer") from error
    return reports


async def _take(site: Site, provider: str, report: PaymentReport) -> Result:
    try:
        async with patient(site.patience):
            result = await take_report(site.recourse, provider, report, patience=timedelta(seconds=site.patience))
    except BadInput as error:
        site.reported.count(provider, "unreadable")
        raise Failure(400, "unreadable_event", "This event cannot be read.", detail=str(error)) from error
    site.reported.count(provider, result)
    return result
