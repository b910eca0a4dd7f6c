"""Tokens for the marketplace's users, made by its backends."""

from datetime import datetime, timedelta
from typing import Any, Literal

from fastapi import APIRouter, Depends
from pydantic import Field

from recourse.resolution.model.durations import Duration, write_duration
from recourse.resolution.model.order import Id
from recourse.resolution.model.vocabulary import Frozen, View
from recourse.web.access import TheSite, answers, service_only
from recourse.web.api.bodies import ExactRoute
from recourse.web.pages.sessions import LINK_LASTS, LONGEST_LINK, link
from recourse.web.problems import malformed
from recourse.web.tokens import Bearer, sign_token

router = APIRouter(tags=["tokens"], route_class=ExactRoute)
LONGEST_LIFE = timedelta(days=30)


def _lasting(usual: timedelta, description: str) -> Any:
    # A description would give the default in another notation than the one that is read.
    return Field(default=usual, description=description, json_schema_extra={"default": write_duration(usual)})


class IssueToken(Frozen):
    """For whom a token is made. `lifetime` is such as `30m` or `12h`, at most 30 days."""

    role: Literal["client", "freelancer", "operator"] = Field(description="The role of the bearer.")
    id: Id = Field(description="The id of the bearer.")
    lifetime: Duration = _lasting(timedelta(hours=1), "How long the token is good, such as `12h`, at most 30 days.")


class Issued(View):
    """A token, and until when it is good."""

    token: str = Field(description="The token.")
    expires_at: datetime = Field(description="When it expires.")


class IssueLink(Frozen):
    """Whom a link signs in to the pages, and which order it leads to. `lifetime` is such as `10m`, at most a day."""

    role: Literal["client", "freelancer", "operator"] = Field(description="The role of the person.")
    id: Id = Field(description="The id of the person.")
    order_id: Id | None = Field(default=None, description="The order that the link opens; null: the list.")
    lifetime: Duration = _lasting(LINK_LASTS, "How long the link is good, such as `10m`, at most a day.")


class IssuedLink(View):
    """A path of this server to send somebody to, and until when it signs them in."""

    path: str = Field(description="A path of this server, with its query.")
    expires_at: datetime = Field(description="When it expires.")


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
