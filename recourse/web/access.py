"""Who calls, for whom, and what that lets them see."""

import re
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any, cast

from fastapi import Depends, Path, Query, Request
from fastapi.dependencies.models import Dependant
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import ValidationError

from recourse.activities.calling import Calls
from recourse.database.lists import Member, Parties, read_parties
from recourse.database.sessions import SessionRow, begin_session, session_goes_on
from recourse.evidence.store import KeptFiles
from recourse.resolution.model.command import Actor
from recourse.resolution.model.fields import excerpt
from recourse.resolution.model.policy import Policy
from recourse.resolution.model.record import Reader
from recourse.resolution.model.refusals import SENTENCES
from recourse.resolution.model.vocabulary import PARTIES, Party
from recourse.runtime.brand import Brand
from recourse.runtime.keys import KeyRing
from recourse.starter.client import Recourse
from recourse.web.problems import Failure, forbidden, malformed, no_such_order, refused
from recourse.web.rates import Rates
from recourse.web.reported import Reported
from recourse.web.tokens import GRACE, BadToken, Bearer, Token, read_token
from recourse.web.uploads import Uploads

# Of each payment provider, on each server.
REPORTS_PER_MINUTE = 6000


@dataclass(frozen=True)
class Site:
    """What a running server works with.

    `patience`: for how many seconds a call waits for an order to answer. `now` is the clock of arrivals.
    `link_keys` sign links in mails, and `brand` says whose pages these are.
    `links_again`: whether a link may sign in more than once. `rates`: how many calls each person may make.
    `providers` read what they report themselves; `reported` counts that, by provider and result.
    `files` is where evidence is kept; None: elsewhere.
    """

    recourse: Recourse
    keys: KeyRing
    policies: dict[str, Policy]
    now: Callable[[], datetime]
    patience: float
    links_again: bool = False
    link_keys: KeyRing = field(default_factory=lambda: KeyRing({}))
    brand: Brand = field(default_factory=Brand)
    rates: Rates = field(default_factory=lambda: Rates(0))
    providers: Mapping[str, Calls] = field(default_factory=dict)
    reported: Reported = field(default_factory=Reported)
    reports: Rates = field(default_factory=lambda: Rates(REPORTS_PER_MINUTE))
    files: KeptFiles | None = None
    uploads: Uploads = field(default_factory=Uploads)


def _site(request: Request) -> Site:
    return cast(Site, request.app.state.site)


TheSite = Annotated[Site, Depends(_site)]

_scheme = HTTPBearer(
    scheme_name="token", bearerFormat="JWT", description="See docs/http.md for its claims.", auto_error=False
)


def read_bearer(site: Site, credentials: str | None) -> Token:
    """The token that a call carries. Raises Failure (401)."""
    if credentials is None:
        raise Failure(
            401,
            "token_required",
            "A token is required.",
            detail="Send it as `Authorization: Bearer …`.",
            headers={"WWW-Authenticate": "Bearer"},
        )
    try:
        return read_token(site.keys, credentials, "recourse-api")
    except BadToken as error:
        raise _bad_token(str(error)) from error


def _bad_token(why: str) -> Failure:
    headers = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
    return Failure(401, "bad_token", "This token cannot be used.", detail=why, headers=headers)


async def _bearer(site: TheSite, given: Annotated[HTTPAuthorizationCredentials | None, Depends(_scheme)]) -> Bearer:
    token = read_bearer(site, given.credentials if given else None)
    site.rates.take(token.bearer)
    if token.id and not await _goes_on(site, token):
        raise _bad_token("The token was ended.")
    return token.bearer


async def token_first(request: Request) -> None:
    """Refuse a call without a good token before its body is read. Raises Failure (401)."""
    given = await _scheme(request)
    read_bearer(_site(request), given.credentials if given else None)


async def _goes_on(site: Site, token: Token) -> bool:
    known = await session_goes_on(site.recourse.pool, token.id)
    if known is None:
        # One that a backend or the command line has made is known from its first use on.
        await keep_token(site.recourse.pool, token)
    return known is not False


async def keep_token(pool: Any, token: Token) -> None:
    """Have a token listed, so that it can be ended."""
    begun = SessionRow(
        id=token.id,
        kind="token",
        role=token.bearer.role,
        holder=token.bearer.id,
        began_at=datetime.now(UTC),
        expires_at=token.expires_at,
    )
    await begin_session(pool, begun, token.expires_at + GRACE)


Caller = Annotated[Bearer, Depends(_bearer)]

OrderId = Annotated[str, Path(description="The marketplace's own id of the order.", max_length=200)]
GroupId = Annotated[str, Path(description="The marketplace's own id of the group.", max_length=200)]


def said_once(request: Request) -> None:
    """Refuse a query's key that this path does not know, and what could be read in two ways: a key or the command's id
    given twice. Raises Failure (422)."""
    known = sorted(set(_query_keys(request.scope["route"].dependant)))
    names = f"is not known here; known are {', '.join(known)}" if known else "is not known here, nor is any other"
    unknown = {excerpt(f"query.{key}"): names for key in request.query_params if key not in known}
    if unknown:
        raise malformed(**unknown)
    counts = Counter(f"query.{key}" for key, _ in request.query_params.multi_items())
    counts["header.Idempotency-Key"] = len(request.headers.getlist("idempotency-key"))
    twice = {excerpt(where): "is given more than once" for where, count in counts.items() if count > 1}
    if twice:
        raise malformed(**twice)


def _query_keys(dependant: Dependant) -> Iterator[str]:
    for one in dependant.query_params:
        yield one.alias
    for inner in dependant.dependencies:
        yield from _query_keys(inner)


As = Annotated[
    str | None,
    Query(
        alias="as",
        description="For whom a service acts or reads: `client`, `freelancer`, `operator:ID`; `client:ID` to name "
        "another. Everybody else is always themselves.",
        pattern=r"^(client|freelancer|operator|system)(:[^\x00-\x1f/]{1,200})?$",
    ),
]


def service_only(caller: Caller) -> None:
    """Let only the marketplace's own backends through."""
    if caller.role != "service":
        raise forbidden("Only a service token may.")


def staff_only(caller: Caller) -> None:
    """Let operators and backends through."""
    if caller.role not in ("operator", "service"):
        raise forbidden("Only an operator's or a service's token may.")


def _named(as_: str | None) -> tuple[str, str]:
    role, _, given = (as_ or "").partition(":")
    return role, given


def _party(role: str) -> Party:
    return "client" if role == "client" else "freelancer"


def _only_themselves(caller: Bearer, as_: str | None) -> None:
    role, given = _named(as_)
    if as_ and (role != caller.role or given not in ("", caller.id)):
        raise forbidden(f"It names {caller.role} {caller.id}, who can be nobody else; leave `as` out.")


async def parties_of(site: Site, order_id: str) -> Parties:
    """The parties of an order. Raises Failure (404) where there is no such order."""
    parties = await read_parties(site.recourse.pool, order_id) if re.fullmatch(r"[^\x00]*", order_id) else None
    if parties is None:
        raise no_such_order(order_id)
    return parties


async def _only_of_their_own(site: Site, caller: Bearer, order_id: str) -> Parties:
    parties = await parties_of(site, order_id)
    # To others the order does not exist, so that trying ids reveals nothing.
    if caller.role in PARTIES and parties.of(caller.role) != caller.id:
        raise no_such_order(order_id)
    return parties


async def the_actor(site: TheSite, caller: Caller, order_id: OrderId, as_: As = None) -> Actor:
    """Who a command is given by: the bearer, or whom a service acts for."""
    if caller.role != "service":
        await _only_of_their_own(site, caller, order_id)
    return await _spoken_for(caller, as_, lambda: parties_of(site, order_id))


async def the_group_actor(site: TheSite, caller: Caller, group: GroupId, as_: As = None) -> Actor:
    """The same for a group; a party's command goes to its own orders of the group."""

    async def parties() -> Parties:
        return (await site.recourse.group(group).members())[0].parties

    return await _spoken_for(caller, as_, parties)


async def _spoken_for(caller: Bearer, as_: str | None, parties: Callable[[], Awaitable[Parties]]) -> Actor:
    if caller.role != "service":
        _only_themselves(caller, as_)
        return Actor(role=caller.role, id=caller.id)
    role, given = _named(as_)
    if role in PARTIES and not given:
        given = (await parties()).of(_party(role))
    if not role or not given:
        raise malformed(**{"query.as": "a service says whom it acts for: `client`, `freelancer` or `operator:ID`"})
    try:
        return Actor.model_validate({"role": role, "id": given})
    except ValidationError as error:
        raise malformed(**{"query.as": "this id cannot be used"}) from error


async def the_reader(site: TheSite, caller: Caller, order_id: OrderId, as_: As = None) -> Reader:
    """Whose view is shown: the bearer's own, or the one that a service asks for (an operator's by default)."""
    if caller.role == "service":
        await parties_of(site, order_id)
        return _asked_for(as_)
    _only_themselves(caller, as_)
    _not_in_conflict(caller, await _only_of_their_own(site, caller, order_id))
    return caller.role


async def the_group_reader(
    site: TheSite, caller: Caller, group: GroupId, as_: As = None
) -> tuple[Reader, list[Member]]:
    """The same for a group, with the orders of it that the reader may see. Raises NoSuchGroup."""
    stored = site.recourse.group(group)
    if caller.role == "service":
        return _asked_for(as_), await stored.members()
    _only_themselves(caller, as_)
    if caller.role in PARTIES:
        return caller.role, await stored.members(caller.role, caller.id)
    members = await stored.members()
    _not_in_conflict(caller, members[0].parties)
    return caller.role, members


def _asked_for(as_: str | None) -> Reader:
    role, _ = _named(as_)
    if role == "system":
        raise malformed(**{"query.as": "a view is `client`'s, `freelancer`'s or `operator`'s"})
    return cast(Reader, role or "operator")


def _not_in_conflict(caller: Bearer, parties: Parties) -> None:
    if caller.role == "operator" and caller.id in parties:
        raise refused("conflict_of_interest", SENTENCES["conflict_of_interest"])


def the_operator(caller: Caller, as_: As = None) -> str | None:
    """The id of the operator who reads, or for whom a service reads; None where none is named."""
    role, given = _named(as_)
    if caller.role == "operator":
        return caller.id
    return given if role == "operator" and given else None


TheOperator = Annotated[str | None, Depends(the_operator)]
TheActor = Annotated[Actor, Depends(the_actor)]
TheGroupActor = Annotated[Actor, Depends(the_group_actor)]
TheGroupReader = Annotated[tuple[Reader, list[Member]], Depends(the_group_reader)]
TheReader = Annotated[Reader, Depends(the_reader)]


def answers(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The problems that a path documents, besides 401, 429 and 503, which every path has."""
    problem = {"content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}}
    words = {
        400: "The signature does not fit, or the event cannot be read.",
        401: "No token, or one that cannot be used.",
        403: "This token may not do that.",
        404: "There is no such order, or none of the bearer's.",
        409: "Refused: not on this order as it stands.",
        410: "This place is no longer there.",
        413: "The body is too large.",
        422: "Refused: the message itself is at fault.",
        429: "Too many calls by this bearer; `Retry-After` says when to try again.",
        503: "Temporal or PostgreSQL does not answer; try again.",
    }
    return {status: {"description": words[status], **problem} for status in (401, *statuses, 429, 503)}
