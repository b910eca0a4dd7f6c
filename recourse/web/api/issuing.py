"""Tokens and links for the marketplace's users, made by its backends; and who is signed in, to end that."""

from datetime import timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query
from pydantic import Field

from recourse.database.sessions import end_session, list_sessions
from recourse.http.shapes import Issued, IssuedLink, SessionList
from recourse.resolution.model.durations import Duration, write_duration
from recourse.resolution.model.fields import excerpt
from recourse.resolution.model.terms import Id
from recourse.resolution.model.vocabulary import Frozen
from recourse.web.access import Caller, TheSite, answers, keep_token, service_only, staff_only
from recourse.web.api.bodies import TokenRoute
from recourse.web.api.orders import After, Limit
from recourse.web.pages.sessions import LINK_LASTS, LONGEST_LINK, link
from recourse.web.problems import Failure, malformed
from recourse.web.tokens import Bearer, Token, new_id, sign_token

router = APIRouter(tags=["tokens"], route_class=TokenRoute)
LONGEST_LIFE = timedelta(days=30)


def _lasting(usual: timedelta, description: str) -> Any:
    # A description would give the default in another notation than the one that is read.
    return Field(default=usual, description=description, json_schema_extra={"default": write_duration(usual)})


class IssueToken(Frozen):
    """For whom a token is made. `lifetime` is such as `30m` or `12h`, at most 30 days."""

    role: Literal["client", "freelancer", "operator"] = Field(description="The role of the bearer.")
    id: Id = Field(description="The id of the bearer.")
    lifetime: Duration = _lasting(timedelta(hours=1), "How long the token is good, such as `12h`, at most 30 days.")


class IssueLink(Frozen):
    """Whom a link signs in to the pages, and which order it leads to. `lifetime` is such as `10m`, at most a day."""

    role: Literal["client", "freelancer", "operator"] = Field(description="The role of the person.")
    id: Id = Field(description="The id of the person.")
    order_id: Id | None = Field(default=None, description="The order that the link opens; null: the list.")
    lifetime: Duration = _lasting(LINK_LASTS, "How long the link is good, such as `10m`, at most a day.")


@router.post("/links", status_code=201, dependencies=[Depends(service_only)], responses=answers(403, 413, 422))
async def issue_link(site: TheSite, body: IssueLink) -> IssuedLink:
    """Make a link to the pages for a party or an operator, who have signed in at the marketplace."""
    if not timedelta(0) < body.lifetime <= LONGEST_LINK:
        raise malformed(lifetime="must be longer than nothing and at most 1d")
    expires_at = (site.now() + body.lifetime).replace(microsecond=0)
    bearer = Bearer(role=body.role, id=body.id)
    return IssuedLink(path=link(site.keys, bearer, expires_at, body.order_id or ""), expires_at=expires_at)


@router.post("/tokens", status_code=201, dependencies=[Depends(service_only)], responses=answers(403, 413, 422))
async def issue_token(site: TheSite, body: IssueToken) -> Issued:
    """Make a token for a party or an operator, who have signed in at the marketplace."""
    if not timedelta(0) < body.lifetime <= LONGEST_LIFE:
        raise malformed(lifetime="must be longer than nothing and at most 30d")
    expires_at = (site.now() + body.lifetime).replace(microsecond=0)
    made = Token(bearer=Bearer(role=body.role, id=body.id), id=new_id(), expires_at=expires_at)
    await keep_token(site.recourse.pool, made)
    token = sign_token(site.keys, made.bearer, "recourse-api", expires_at, made.id)
    return Issued(token=token, id=made.id, expires_at=expires_at)


@router.get("/sessions", dependencies=[Depends(staff_only)], responses=answers(403, 422))
async def list_them(
    site: TheSite,
    caller: Caller,
    of: Annotated[
        str | None,
        Query(
            description="Only those of this role or person, such as `operator` or `client:c-3`.",
            pattern=r"^(client|freelancer|operator|service)(:[^\x00-\x1f/]{1,200})?$",
        ),
    ] = None,
    after: After = "",
    limit: Limit = 50,
) -> SessionList:
    """Who is signed in: sessions of the pages, and tokens that were issued here or that were used. Backends' own tokens
    are shown to backends alone."""
    role, _, holder = (of or "").partition(":")
    rows = await list_sessions(
        site.recourse.pool,
        role=role or None,
        holder=holder or None,
        services=caller.role == "service",
        after=after,
        limit=limit,
    )
    return SessionList(sessions=rows, next=rows[-1].id if len(rows) == limit else None)


@router.delete(
    "/sessions/{session_id}", status_code=204, dependencies=[Depends(staff_only)], responses=answers(403, 404, 422)
)
async def end_it(
    site: TheSite,
    caller: Caller,
    session_id: Annotated[str, Path(description="The session's id.", max_length=200, pattern=r"^[^\x00]*$")],
) -> None:
    """End a session: a holder of its cookie or token is signed out at once."""
    if not await end_session(site.recourse.pool, session_id, services=caller.role == "service"):
        why = f"There is no session {excerpt(session_id)}."
        raise Failure(404, "no_such_session", "There is no such session.", detail=why)
