"""Who is signed in, with a token or in a browser: each session once, until it ends."""

from datetime import datetime
from typing import Any, Literal

from pydantic import AwareDatetime, Field

from recourse.database.access import Database
from recourse.resolution.model.vocabulary import View

# With each new row, ten go that nothing needs any more.
_BEGIN = """
WITH over AS (
    DELETE FROM sessions WHERE id IN (
        SELECT id FROM sessions WHERE kept_until < now() ORDER BY kept_until LIMIT 10 FOR UPDATE SKIP LOCKED
    )
)
INSERT INTO sessions (id, kind, role, holder, began_at, expires_at, kept_until)
VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO NOTHING RETURNING true
"""


class SessionRow(View):
    """Somebody who is signed in: with a token of the API, or to the pages in a browser."""

    id: str = Field(description="The session's id; of a token, its claim `jti`.")
    kind: Literal["pages", "token"] = Field(description="`pages`: a browser; `token`: a token of the API.")
    role: Literal["client", "freelancer", "operator", "service"] = Field(description="The holder's role.")
    holder: str = Field(description="The holder's id.")
    began_at: AwareDatetime = Field(description="When the token was issued or first used, or the person signed in.")
    expires_at: AwareDatetime = Field(description="When it expires.")


async def begin_session(pool: Database, begun: SessionRow, kept_until: datetime) -> bool:
    """Keep a session; False: there is one of this id already, which may have ended."""
    fresh = await pool.fetchval(
        _BEGIN,
        begun.id,
        begun.kind,
        begun.role,
        begun.holder,
        begun.began_at,
        begun.expires_at,
        kept_until,
    )
    return bool(fresh)


async def session_goes_on(pool: Database, session_id: str) -> bool | None:
    """Whether it was not ended; None: there is none of this id."""
    goes_on: bool | None = await pool.fetchval("SELECT ended_at IS NULL FROM sessions WHERE id = $1", session_id)
    return goes_on


async def list_sessions(
    pool: Database, *, role: str | None, holder: str | None, services: bool, after: str, limit: int
) -> list[SessionRow]:
    """A page of those that can be used, by id, behind `after`: all, or those of a role, or of one holder.

    `services`: also those of backends.
    """
    rows: list[Any] = await pool.fetch(
        "SELECT id, kind, role, holder, began_at, expires_at FROM sessions "
        "WHERE ended_at IS NULL AND expires_at > now() AND id > $1 AND ($2 OR role <> 'service') "
        "AND role = coalesce($3, role) AND holder = coalesce($4, holder) ORDER BY id LIMIT $5",
        after,
        services,
        role,
        holder,
        limit,
    )
    return [SessionRow.model_construct(**dict(row)) for row in rows]


async def end_session(pool: Database, session_id: str, *, services: bool) -> bool:
    """End it; it stays ended. False: there is none of this id, or a backend's that is not meant."""
    ended = await pool.fetchval(
        "UPDATE sessions SET ended_at = coalesce(ended_at, now()) "
        "WHERE id = $1 AND ($2 OR role <> 'service') RETURNING true",
        session_id,
        services,
    )
    return bool(ended)
