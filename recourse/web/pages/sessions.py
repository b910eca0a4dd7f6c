"""Signing in by a signed link, for as long as a session lasts, and proof that a form was ours.

A session is a row of the database and a cookie that names it. A link signs in once: the session has the link's id.
"""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import parse_qs, urlencode

from starlette.requests import Request
from starlette.responses import Response

from recourse.database.sessions import SessionRow, begin_session, session_goes_on
from recourse.resolution.model.vocabulary import PARTIES
from recourse.runtime.keys import KeyRing
from recourse.web.access import Site
from recourse.web.problems import Failure, malformed
from recourse.web.tokens import GRACE, BadToken, Bearer, Expired, Token, new_id, read_token, sign_token
from recourse.wording.languages import say

# A browser takes a cookie of this prefix only over TLS (or from this very machine), for this host alone.
COOKIE = "__Host-recourse"
ZONE_COOKIE = "__Host-recourse-zone"
LANGUAGE_COOKIE = "__Host-recourse-language"
# What proves the forms of a visitor who is not signed in.
VISITOR_COOKIE = "__Host-recourse-visitor"
LASTS = timedelta(hours=12)
# A link is used at once, by a person who has just signed in at the marketplace; it may lie in a mailbox later.
LINK_LASTS, LONGEST_LINK = timedelta(minutes=10), timedelta(days=1)


@dataclass(frozen=True)
class Session:
    """Who is signed in, and the proof that goes into this session's forms."""

    id: str
    bearer: Bearer
    proof: str


async def sign_in(response: Response, site: Site, link: Token, *, embedded: bool) -> None:
    """Give the browser a session. Raises Failure (403) where the link has signed in already."""
    now = site.now()
    began = SessionRow(
        id=new_id() if site.links_again else link.id,
        kind="pages",
        role=link.bearer.role,
        holder=link.bearer.id,
        began_at=now,
        expires_at=now + LASTS,
    )
    if not await begin_session(site.recourse.pool, began, max(now + LASTS, link.expires_at) + GRACE):
        why = say("A link signs in once. Open your order at the marketplace again: it leads back here.")
        raise Failure(403, "link_used", say("This link was used already."), detail=why)
    _set(
        response, COOKIE, sign_token(site.keys, link.bearer, "recourse-session", now + LASTS, began.id), LASTS, embedded
    )


def sign_out(response: Response, *, embedded: bool) -> None:
    """Take the session away."""
    _set(response, COOKIE, "", timedelta(0), embedded)


def remember_zone(response: Response, zone: str, *, embedded: bool) -> None:
    """Keep the reader's time zone."""
    _set(response, ZONE_COOKIE, zone, timedelta(days=365), embedded)


def remember_language(response: Response, code: str, *, embedded: bool) -> None:
    """Keep the reader's language."""
    _set(response, LANGUAGE_COOKIE, code, timedelta(days=365), embedded)


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
        "token": sign_token(keys, bearer, "recourse-sign-in", expires_at, new_id()),
        **({"order": order_id} if order_id else {}),
    }
    return f"/pages/sign-in?{urlencode(said)}"


def read_link(site: Site, token: str, *, mailed: bool) -> Token:
    """What the token of a link says; `mailed`: one of a mail, which names a party. Raises Failure (403)."""
    try:
        if mailed:
            said = read_token(site.link_keys, token.strip(), "recourse-mail")
        else:
            said = read_token(site.keys, token.strip(), "recourse-sign-in")
        if not said.id:
            raise BadToken("It has no id (`jti`), by which it could be known to have been used.")
    except Expired as error:
        why = say("Open your order at the marketplace again: it leads back here.")
        raise Failure(403, "bad_link", say("This link has expired."), detail=why) from error
    except BadToken as error:
        raise Failure(403, "bad_link", say("This link cannot be used."), detail=str(error)) from error
    if mailed and said.bearer.role not in PARTIES:
        raise Failure(
            403, "bad_link", say("This link cannot be used."), detail=say("Links in mails are for the two parties.")
        )
    if said.bearer.role == "service":
        raise Failure(
            403, "bad_link", say("This link cannot be used."), detail=say("It names a backend, not a person.")
        )
    return said


async def find_session(request: Request, site: Site) -> None:
    """Look for the session of a browser, for `session` and `signed_in`. Raises Failure (429)."""
    request.state.session = None
    signed = request.cookies.get(COOKIE, "")
    try:
        said = read_token(site.keys, signed, "recourse-session") if signed else None
    except BadToken:
        return
    if said:
        site.rates.take(said.bearer)
    if said and await session_goes_on(site.recourse.pool, said.id):
        request.state.session = Session(said.id, said.bearer, _proof(signed))


def session(request: Request) -> Session | None:
    """The session of a browser; None where it has none that is good, or none was looked for."""
    found: Session | None = getattr(request.state, "session", None)
    return found


def visitor_secret(request: Request) -> str:
    """What the forms of a visitor are proven with, which the answer must then `remember_visitor`."""
    return request.cookies.get(VISITOR_COOKIE) or secrets.token_urlsafe(24)


def remember_visitor(response: Response, secret: str, *, embedded: bool) -> None:
    """Keep the proof of a visitor's forms."""
    _set(response, VISITOR_COOKIE, secret, LASTS, embedded)


def visitor_proof(secret: str) -> str:
    """What goes into a visitor's forms."""
    return _proof(secret)


def came_by_itself(request: Request) -> bool:
    """Whether a person opened this address, or a page of this site did: no other site, and no program that looks ahead.

    A frame of a site that may show ours counts: browsers keep its cookies apart from those of every other site.
    """
    said = request.headers
    framed = request.app.state.embedded and said.get("sec-fetch-dest") == "iframe"
    ours = said.get("sec-fetch-site") in ("none", "same-origin", "same-site") or framed
    return request.method == "GET" and ours and "sec-purpose" not in said


def _proof(signed: str) -> str:
    """What only pages of this very session know: other sites can send its cookie, but cannot read it."""
    return hashlib.sha256(f"recourse-form:{signed}".encode()).hexdigest()


def check_proof(request: Request, form: Mapping[str, list[str]]) -> None:
    """Refuse a form that none of this browser's pages made. Raises Failure (403)."""
    known, secret = session(request), request.cookies.get(VISITOR_COOKIE, "")
    proof = known.proof if known else _proof(secret) if secret else ""
    if not proof or not hmac.compare_digest(proof.encode(), first(form, "proof").encode()):
        why = say("It was made for another session, or by another site. Nothing has changed; open the page again.")
        raise Failure(403, "foreign_form", say("This form cannot be used."), detail=why)


def signed_in(request: Request) -> Session:
    """The session of a browser. Raises Failure (401)."""
    found = session(request)
    if found is None:
        why = say("Open the link that you were sent, or ask the marketplace for a new one.")
        raise Failure(401, "signed_out", say("You are not signed in."), detail=why)
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
