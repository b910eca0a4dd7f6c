"""Signing in by a signed link, for as long as a session lasts, and proof that a form was ours."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import parse_qs, urlencode

from starlette.requests import Request
from starlette.responses import Response

from recourse.runtime.keys import KeyRing
from recourse.web.problems import Failure, malformed
from recourse.web.tokens import BadToken, Bearer, read_token, sign_token

# A browser takes a cookie of this prefix only over TLS (or from this very machine), for this host alone.
COOKIE = "__Host-recourse"
ZONE_COOKIE = "__Host-recourse-zone"
LASTS = timedelta(hours=12)
# A link is used at once, by a person who has just signed in at the marketplace; it may lie in a mailbox later.
LINK_LASTS, LONGEST_LINK = timedelta(minutes=10), timedelta(days=1)


@dataclass(frozen=True)
class Session:
    """Who is signed in, and the proof that goes into this session's forms."""

    bearer: Bearer
    proof: str


def sign_in(response: Response, keys: KeyRing, bearer: Bearer, now: datetime, *, embedded: bool) -> None:
    """Give the browser a session."""
    signed = sign_token(keys, bearer, "recourse-session", now + LASTS)
    _set(response, COOKIE, signed, LASTS, embedded)


def sign_out(response: Response, *, embedded: bool) -> None:
    """Take the session away."""
    _set(response, COOKIE, "", timedelta(0), embedded)


def remember_zone(response: Response, zone: str, *, embedded: bool) -> None:
    """Keep the reader's time zone."""
    _set(response, ZONE_COOKIE, zone, timedelta(days=365), embedded)


def _set(response: Response, name: str, value: str, lasts: timedelta, embedded: bool) -> None:
    # In a frame of another site, browsers send only cookies that say so; those are kept apart for each such site.
    site = "SameSite=None; Partitioned" if embedded else "SameSite=Lax"
    said = f"{name}={value}; Path=/; Max-Age={int(lasts.total_seconds())}; Secure; HttpOnly; {site}"
    response.headers.append("Set-Cookie", said)


def link(keys: KeyRing, bearer: Bearer, expires_at: datetime, order_id: str = "") -> str:
    """The path, on this server, that signs `bearer` in until `expires_at` and leads to an order, or to all of them.

    Raises ValueError for a backend, which has no pages.
    """
    if bearer.role == "service":
        raise ValueError("a backend has no pages: name a client, a freelancer or an operator")
    said = {
        "token": sign_token(keys, bearer, "recourse-sign-in", expires_at),
        **({"order": order_id} if order_id else {}),
    }
    return f"/pages/sign-in?{urlencode(said)}"


def link_bearer(keys: KeyRing, token: str) -> Bearer:
    """Whom a link signs in. Raises Failure (403)."""
    try:
        bearer = read_token(keys, token.strip(), "recourse-sign-in")
    except BadToken as error:
        raise Failure(403, "bad_link", "This link cannot be used.", detail=str(error)) from error
    if bearer.role == "service":
        raise Failure(403, "bad_link", "This link cannot be used.", detail="It names a backend, not a person.")
    return bearer


def session(request: Request, keys: KeyRing) -> Session | None:
    """The session of a browser; None where it has none that is good."""
    signed = request.cookies.get(COOKIE, "")
    try:
        bearer = read_token(keys, signed, "recourse-session") if signed else None
    except BadToken:
        return None
    return Session(bearer, _proof(signed)) if bearer else None


def _proof(signed: str) -> str:
    """What only pages of this very session know: other sites can send its cookie, but cannot read it."""
    return hashlib.sha256(f"recourse-form:{signed}".encode()).hexdigest()


def check_proof(session: Session, given: str) -> None:
    """Refuse a form that none of this session's pages made. Raises Failure (403)."""
    if not hmac.compare_digest(session.proof.encode(), given.encode()):
        why = "It was made for another session, or by another site. Nothing has changed; open the page again."
        raise Failure(403, "foreign_form", "This form cannot be used.", detail=why)


def signed_in(request: Request, keys: KeyRing) -> Session:
    """The session of a browser. Raises Failure (401)."""
    found = session(request, keys)
    if found is None:
        why = "Open the link that you were sent, or ask the marketplace for a new one."
        raise Failure(401, "signed_out", "You are not signed in.", detail=why)
    return found


async def read_form(request: Request) -> dict[str, list[str]]:
    """A form as a browser sends it: each field with all its values. Raises Failure (422)."""
    try:
        return parse_qs((await request.body()).decode(), keep_blank_values=True, max_num_fields=200, errors="strict")
    except ValueError as error:
        raise malformed(body="is not a form that can be used") from error


def first(form: Mapping[str, list[str]], name: str) -> str:
    """The one value of a field, or nothing."""
    return next(iter(form.get(name, ())), "")
