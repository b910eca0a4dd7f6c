"""Errors as `application/problem+json` (RFC 9457), each with a stable code and type."""

from collections.abc import Callable, Mapping
from typing import Any

import structlog
from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException as AnyHTTPException
from starlette.requests import ClientDisconnect
from structlog import get_logger
from temporalio.client import WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.service import RPCError

from recourse.database.pool import AWAY
from recourse.database.pool import unreachable as away
from recourse.errors import (
    BadOpening,
    DatabaseUnreachable,
    NoSuchGroup,
    NoSuchOrder,
    NotOfTheGroup,
    OrderExists,
    OrderNotRunning,
    PaymentMissing,
    ProviderUnreachable,
    TemporalUnreachable,
    Unanswered,
    UnknownCursor,
)
from recourse.evidence.store import EvidenceAway
from recourse.http.calls import REQUEST_ID
from recourse.resolution.model.data_version import NeedsNewerBuild
from recourse.resolution.model.fields import excerpt
from recourse.resolution.model.outcome import Refused
from recourse.resolution.model.refusals import SENTENCES
from recourse.resolution.model.unfit import unfit

MEDIA_TYPE = "application/problem+json"
EXPLAINED_AT = "/docs/errors"
RETRY_AFTER = "5"  # seconds
# What is wrong with the message itself, whatever the order; every other refusal is about the order as it stands.
OF_THE_MESSAGE = frozenset(
    {
        "malformed",
        "unknown_command",
        "reason_required",
        "unknown_reason",
        "explanation_required",
        "attestation_missing",
        "amount_required",
        "amount_out_of_range",
    }
)
# The status of every other code; the catalogue says what each means and what to do.
PROBLEMS = {
    "ambiguous_length": 400,
    "bad_signature": 400,
    "unreadable_event": 400,
    "token_required": 401,
    "bad_token": 401,
    "forbidden": 403,
    "no_such_order": 404,
    "no_such_group": 404,
    "no_such_session": 404,
    "no_such_provider": 404,
    "no_such_file": 404,
    "no_evidence_store": 404,
    "not_found": 404,
    "method_not_allowed": 405,
    "too_slow": 408,
    "order_exists": 409,
    "not_of_the_group": 409,
    "payment_missing": 409,
    "file_changed": 409,
    "unknown_cursor": 410,
    "too_large": 413,
    "bad_opening": 422,
    "unusable_file": 422,
    "too_many_calls": 429,
    "internal": 500,
    "temporal_unreachable": 503,
    "database_unreachable": 503,
    "provider_unreachable": 503,
    "store_unreachable": 503,
    "no_answer": 503,
    "order_not_running": 503,
    "needs_newer_build": 503,
    "too_early": 503,
}
# What is wrong with the path or the method, by status.
OF_PATHS = {404: "not_found", 405: "method_not_allowed"}
_TEMPORAL_AWAY: tuple[type[Exception], ...] = (RPCError, WorkflowUpdateRPCTimeoutOrCancelledError)


class Problem(BaseModel):
    """Why a call failed. `code` is stable; of a refusal it is the contract's code, and `details` are the contract's."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(
        examples=["/docs/errors#expired"],
        description="Names the problem. An address on the server that answered: what it means and what to do.",
    )
    title: str = Field(description="The problem in a sentence.")
    status: int = Field(description="The HTTP status.")
    code: str = Field(description="A stable code.")
    detail: str | None = Field(default=None, description="What to do, or what is wrong here.")
    details: dict[str, Any] = Field(default={}, description="What helps, by the code.")


class Failure(HTTPException):
    """A call that ends with a problem."""

    def __init__(
        self,
        status: int,
        code: str,
        title: str,
        *,
        detail: str | None = None,
        details: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(status, title, dict(headers or {}))
        found = Problem(
            type=f"{EXPLAINED_AT}#{code}",
            title=title,
            status=status,
            code=code,
            detail=detail,
            details=dict(details or {}),
            **more,
        )
        self.content = found.model_dump(mode="json", exclude_none=True)

    @property
    def response(self) -> JSONResponse:
        """The problem as it is sent."""
        return JSONResponse(self.content, self.status_code, self.headers, MEDIA_TYPE)


def refused(code: str, sentence: str, details: Mapping[str, Any] | None = None, **more: Any) -> Failure:
    """A refusal of the contract."""
    return Failure(status_of_refusal(code), code, sentence, details=details, **more)


def status_of_refusal(code: str) -> int:
    """422 where the message itself is at fault, else 409."""
    return 422 if code in OF_THE_MESSAGE else 409


def malformed(**problems: str) -> Failure:
    """A call that cannot be read; what is wrong, by where."""
    return refused("malformed", SENTENCES["malformed"], {"problems": problems})


def refusal_of(outcome: Refused) -> Failure:
    """A refused command."""
    others = outcome.model_dump(exclude={"status", "code", "message", "details"})
    return refused(outcome.code, outcome.message, outcome.details, **others)


def forbidden(detail: str) -> Failure:
    """A bearer that may not do this."""
    return Failure(403, "forbidden", "This token may not do that.", detail=detail)


def no_such_order(order_id: str) -> Failure:
    """No such order, or none that the bearer may know of."""
    return Failure(404, "no_such_order", "There is no such order.", detail=f"There is no order {excerpt(order_id)}.")


def unreachable(what: str, code: str, why: str = "", **details: Any) -> Failure:
    """A part of ours that does not answer now; `why` goes to the caller."""
    again = "The call is valid. Retry it; with the same Idempotency-Key nothing happens twice."
    return Failure(
        503,
        code,
        f"{what} cannot be reached at the moment.",
        detail=f"{why} {again}".lstrip(),
        details=details,
        headers={"Retry-After": RETRY_AFTER},
    )


def order_not_running(error: OrderNotRunning) -> Failure:
    """An order that has lost its workflow: to try again is of no use before an operator has brought it back."""
    return Failure(
        503,
        "order_not_running",
        "This order is not running at the moment.",
        detail="Nothing is lost, and your command had no effect. Send it again once the marketplace has restarted "
        "the order.",
        details={"remedy": error.remedy},
    )


def temporal_unreachable(**details: Any) -> Failure:
    """No answer from Temporal."""
    return unreachable("Temporal", "temporal_unreachable", **details)


def database_unreachable(error: Exception | None = None) -> Failure:
    """No answer from PostgreSQL, or one of the errors by which it counts as away."""
    return unreachable("The database", "database_unreachable", away(error).plain if error else "")


def store_unreachable(error: EvidenceAway) -> Failure:
    """No answer from the store of evidence. Why goes to the log: it may name an address."""
    get_logger("recourse.web").warning("the evidence store is away", error=str(error))
    why = "The file was not kept, or cannot be read now. Try again in some minutes."
    headers = {"Retry-After": RETRY_AFTER}
    return Failure(503, "store_unreachable", "The store of evidence does not answer.", detail=why, headers=headers)


def answer_with_problems(app: FastAPI) -> None:
    """Make every error of `app` a problem."""

    def register(kind: type[Exception], make: Callable[[Any], Failure]) -> None:
        async def answer(request: Request, error: Exception) -> JSONResponse:
            return make(error).response

        app.add_exception_handler(kind, answer)

    for kind, make in FAILURES.items():
        register(kind, make)


def _failed(error: AnyHTTPException) -> Failure:
    if error.status_code == 400:  # by FastAPI, for a body that is not JSON
        return malformed(body="is not JSON that can be used")
    code = OF_PATHS.get(error.status_code, "http_error")
    detail = "This server has no such path; /openapi.json lists all that it has." if code == "not_found" else None
    return Failure(error.status_code, code, error.detail, detail=detail, headers=error.headers)


def _unreadable(error: RequestValidationError) -> Failure:
    return malformed(**{excerpt(where): excerpt(why) for where, why in unfit(error.errors()[:20]).items()})


# Every error that can leave a call, and what its caller is told.
FAILURES: dict[type[Exception], Callable[[Any], Failure]] = {
    Failure: lambda error: error,
    RequestValidationError: _unreadable,
    # Nobody reads it any more.
    ClientDisconnect: lambda error: Failure(408, "too_slow", "The body broke off."),
    AnyHTTPException: _failed,
    NoSuchOrder: lambda error: Failure(404, "no_such_order", "There is no such order.", detail=str(error)),
    UnknownCursor: lambda error: Failure(410, "unknown_cursor", "There is no such place.", detail=str(error)),
    BadOpening: lambda error: Failure(
        422,
        "bad_opening",
        "The order cannot begin like this.",
        detail="What is said of it contradicts itself.",
        details={"contradictions": error.contradictions},
    ),
    OrderExists: lambda error: Failure(409, "order_exists", "This order id is taken.", detail=str(error)),
    NoSuchGroup: lambda error: Failure(404, "no_such_group", "There is no such group.", detail=str(error)),
    NotOfTheGroup: lambda error: Failure(409, "not_of_the_group", "Its group takes no such order.", detail=str(error)),
    PaymentMissing: lambda error: Failure(409, "payment_missing", "Its money is not there.", detail=str(error)),
    ProviderUnreachable: lambda error: unreachable("The payment provider", "provider_unreachable", str(error)),
    EvidenceAway: store_unreachable,
    Unanswered: lambda error: unreachable("The order", "no_answer", **_again(error)),
    OrderNotRunning: lambda error: order_not_running(error),
    NeedsNewerBuild: lambda error: unreachable(
        "The order", "needs_newer_build", "It waits for an update of this marketplace's servers."
    ),
    TemporalUnreachable: lambda error: temporal_unreachable(),
    DatabaseUnreachable: database_unreachable,
    **dict.fromkeys(_TEMPORAL_AWAY, lambda error: temporal_unreachable()),
    **dict.fromkeys(AWAY, database_unreachable),
    Exception: lambda error: _internal(),
}


def _internal() -> Failure:
    # It is answered outside of all that names calls.
    called = structlog.contextvars.get_contextvars().get("request_id")
    return Failure(500, "internal", "Something is wrong on our side.", headers={REQUEST_ID: called} if called else None)


def _again(error: Unanswered) -> dict[str, str]:
    return {"command_id": error.command_id} if error.command_id else {}
