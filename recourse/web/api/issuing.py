"""Tokens for the marketplace's users, made by its backends."""

from datetime import datetime, timedelta
from typing import Any, Literal

from fastapi import APIRouter, Depends
from pydantic import Field

from recourse.resolution.model.durations import Duration, write_duration
from recourse.resolution.model.order import Id
from recourse.resolution.model.vocabulary import Frozen
from recourse.web.access import TheSite, answers, service_only
from recourse.web.api.bodies import ExactRoute
from recourse.web.api.shapes import Answered
from recourse.web.pages.sessions import LINK_LASTS, LONGEST_LINK, link
from recourse.web.problems import malformed
from recourse.web.tokens import Bearer, sign_token

router = APIRouter(tags=["tokens"], route_class=ExactRoute)
LONGEST_LIFE = timedelta(days=30)


def _lasting(usual: timedelta) -> Any:
    # A description would give the default in another notation than the one that is read.
    return Field(default=usual, json_schema_extra={"default": write_duration(usual)})


class IssueToken(Frozen):
    """For whom a token is made. `lifetime` is such as `30m` or `12h`, at most 30 days."""

    role: Literal["client", "freelancer", "operator"]
    id: Id
    lifetime: Duration = _lasting(timedelta(hours=1))


class Issued(Answered):
    """A token, and until when it is good."""

    token: str
    expires_at: datetime


class IssueLink(Frozen):
    """Whom a link signs in to the pages, and which order it leads to. `lifetime` is such as `10m`, at most a day."""

    role: Literal["client", "freelancer", "operator"]
    id: Id
    order_id: Id | None = None
    lifetime: Duration = _lasting(LINK_LASTS)


class IssuedLink(Answered):
    """A path of this server to send somebody to, and until when it signs them in."""

    path: str
    expires_at: datetime


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
    token = sign_token(site.keys, Bearer(role=body.role, id=body.id), "recourse-api", expires_at)
    return Issued(token=token, expires_at=expires_at)
