"""What is to be erased, by whose wish or which policy, and erasing it. Only a member of recourse_keeper can."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any, Literal

from pydantic import AwareDatetime, Field

from recourse.database.access import Database, in_pages
from recourse.errors import BadInput
from recourse.resolution.model.vocabulary import Party, View

What = Literal["texts", "addresses", "notices", "contacts", "order"]
Author = Literal["client", "freelancer", "operator"]
EVERYBODY: tuple[Author, ...] = ("client", "freelancer", "operator")


class NotTheKeeper(BadInput):
    """This user of the database may erase nothing."""

    def __init__(self) -> None:
        super().__init__(
            "This user of the database may erase nothing: set DATABASE_URL to a login that is a member of "
            "recourse_keeper."
        )


class Erasure(View):
    """The wish of a person, or of the law, that a party's words go."""

    number: int
    role: Party
    party: str
    others_too: bool
    reason: str
    legal_basis: str
    asked_at: AwareDatetime

    @property
    def whose(self) -> tuple[Author, ...]:
        """Whose words go."""
        return EVERYBODY if self.others_too else (self.role,)


class Erased(View):
    """Something that was erased of an order."""

    order_id: str = Field(description="The order's id.")
    at: AwareDatetime = Field(description="When it was erased.")
    what: What = Field(description="What was erased.")
    whose: list[Author] = Field(description="Whose words or address went.")
    erased: int = Field(description="How many entries, notices, addresses and names, or orders went.")
    reason: str = Field(description="Why, as the operator wrote it, or the key of the policy.")
    legal_basis: str = Field(description="The legal basis, as the operator wrote it.")
    erased_by: str = Field(description="The login of the database that did it.")


class Candidate(View):
    """An order of which something may have to go."""

    order_id: str
    closed_at: AwareDatetime | None
    next_clock_at: AwareDatetime | None
    keeping: dict[str, str] | None
    held: bool
    texts_gone: bool
    addresses_gone: bool
    contacts: list[Party]
    notices: bool


class Hold(View):
    """A legal hold that stands."""

    number: int = Field(description="The number of the hold.")
    order_id: str | None = Field(description="The order; null: the hold is on a party.")
    role: Party | None = Field(description="The role of the party.")
    party: str | None = Field(description="The party's id.")
    reason: str = Field(description="Why.")
    since: AwareDatetime = Field(description="Since when.")
    set_by: str = Field(description="The login of the database that set it.")


async def check_keeper(pool: Database) -> None:
    """Return where this user may erase. Raises NotTheKeeper."""
    may = "SELECT has_function_privilege('erase_order(text, text, text[], text, text)', 'EXECUTE')"
    if not await pool.fetchval(may):
        raise NotTheKeeper


_CANDIDATES = """
SELECT o.order_id, o.closed_at, o.next_clock_at, g.opening #> '{policy,keeping}' AS keeping,
    is_held(o.order_id, o.client, o.freelancer) AS held,
    EXISTS (
        SELECT 1 FROM erased_orders AS e
        WHERE e.order_id = o.order_id AND e.what = 'texts' AND e.whose @> $3 AND ($4::timestamptz IS NULL OR e.at >= $4)
    ) AND NOT EXISTS (
        SELECT 1 FROM displays AS w WHERE w.order_id = o.order_id AND num_nonnulls(w.title, w.link, w.image) > 0
    ) AS texts_gone,
    EXISTS (
        SELECT 1 FROM erased_orders AS e
        WHERE e.order_id = o.order_id AND e.what IN ('texts', 'addresses') AND e.whose @> $3
    ) AS addresses_gone,
    ARRAY(
        SELECT c.role FROM contacts AS c WHERE c.order_id = o.order_id AND c.role = ANY($3)
        UNION
        SELECT n.role FROM displays AS d
        CROSS JOIN LATERAL (VALUES ('client', d.client_name), ('freelancer', d.freelancer_name)) AS n (role, name)
        WHERE d.order_id = o.order_id AND n.name IS NOT NULL AND n.role = ANY($3)
        ORDER BY 1
    ) AS contacts,
    EXISTS (SELECT 1 FROM notices AS n WHERE n.order_id = o.order_id) AS notices
FROM orders AS o INNER JOIN openings AS g ON g.order_id = o.order_id
WHERE o.order_id > $1
"""


async def _pages(
    pool: Database, condition: str, whose: Sequence[Author], since: datetime | None, *values: Any
) -> AsyncIterator[list[Candidate]]:
    query = f"{_CANDIDATES} AND {condition} ORDER BY o.order_id LIMIT $2"
    async for rows in in_pages(pool, query, list(whose), since, *values):
        yield [Candidate.model_validate(dict(row)) for row in rows]


async def orders_of(pool: Database, role: Party, party: str) -> AsyncIterator[list[str]]:
    """Pages of the ids of all orders of a party."""
    query = f"SELECT order_id FROM orders WHERE order_id > $1 AND {role} = $3 ORDER BY order_id LIMIT $2"  # noqa: S608
    async for rows in in_pages(pool, query, party):
        yield [row["order_id"] for row in rows]


async def orders_to_erase(pool: Database, erasure: Erasure) -> AsyncIterator[list[Candidate]]:
    """Pages of the orders that a party had when its erasure was asked for; `texts_gone`: since then."""
    condition = f"o.{erasure.role} = $5 AND g.opened_at <= $4"
    async for page in _pages(pool, condition, erasure.whose, erasure.asked_at, erasure.party):
        yield page


async def orders_with_keeping(pool: Database) -> AsyncIterator[list[Candidate]]:
    """Pages of closed orders whose policy says how long anything is kept."""
    condition = "o.closed_at IS NOT NULL AND g.opening #> '{policy,keeping}' IS NOT NULL"
    async for page in _pages(pool, condition, EVERYBODY, None):
        yield page


async def erased_of(pool: Database, order_id: str) -> list[Erased]:
    """What was erased of an order, in order."""
    rows = await pool.fetch("SELECT * FROM erased_orders WHERE order_id = $1 ORDER BY number", order_id)
    return [Erased.model_validate(dict(row)) for row in rows]


async def erase(
    pool: Database, order_id: str, what: What, whose: Sequence[Author], reason: str, legal_basis: str
) -> int:
    """Erase something of an order; how many entries, notices, addresses or orders that was."""
    count: int = await pool.fetchval(
        "SELECT erase_order($1, $2, $3, $4, $5)", order_id, what, list(whose), reason, legal_basis
    )
    return count


async def note_erasure(
    pool: Database, role: Party, party: str, *, others_too: bool, reason: str, legal_basis: str
) -> Erasure:
    """Keep the wish, so that orders that are not over yet follow when they are."""
    row = await pool.fetchrow(
        "INSERT INTO erasures (role, party, others_too, reason, legal_basis) VALUES ($1, $2, $3, $4, $5) RETURNING *",
        role,
        party,
        others_too,
        reason,
        legal_basis,
    )
    return Erasure.model_validate(dict(row))


async def unfinished_erasures(pool: Database) -> list[Erasure]:
    """The wishes of which orders are left."""
    rows = await pool.fetch("SELECT * FROM erasures WHERE finished_at IS NULL ORDER BY number")
    return [Erasure.model_validate(dict(row)) for row in rows]


async def finish_erasure(pool: Any, number: int) -> None:
    """Note that nothing is left of it."""
    await pool.execute("UPDATE erasures SET finished_at = now() WHERE number = $1 AND finished_at IS NULL", number)


async def holds(
    pool: Database, *, order_id: str | None = None, role: Party | None = None, party: str | None = None
) -> list[Hold]:
    """The legal holds that stand on exactly this order or party; with neither, all."""
    rows = await pool.fetch(
        "SELECT * FROM legal_holds WHERE lifted_at IS NULL "
        "AND ($1::text IS NULL OR order_id = $1) AND ($2::text IS NULL OR (role, party) = ($2, $3)) ORDER BY number",
        order_id,
        role,
        party,
    )
    return [Hold.model_validate(dict(row)) for row in rows]


async def set_hold(
    pool: Any, reason: str, *, order_id: str | None = None, role: Party | None = None, party: str | None = None
) -> None:
    """Have nothing erased of an order, or of any order of a party, from now on."""
    await pool.execute(
        "INSERT INTO legal_holds (order_id, role, party, reason) VALUES ($1, $2, $3, $4)", order_id, role, party, reason
    )


async def lift_holds(pool: Any, numbers: Sequence[int]) -> None:
    """End these holds."""
    await pool.execute(
        "UPDATE legal_holds SET lifted_at = now(), lifted_by = session_user "
        "WHERE number = ANY($1) AND lifted_at IS NULL",
        list(numbers),
    )
