"""Roots over the heads of all records, day by day: one append-only Merkle tree, as RFC 6962 has it.

A leaf is a record's head, added again whenever the record has grown; `recourse.verify_record` says what is hashed. The
root of a day is taken over all leaves so far, so it also covers the days that were missed.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import date
from typing import Any

from recourse.database.access import Database
from recourse.errors import BadInput
from recourse.verify_record import day_text, head_text, leaf_hash, node_hash

TILE = 1024  # leaves
PAGE = 1000  # orders

# Heads that the tree lacks. Short transactions: one that stays open would hold back all who follow changes.
_ADD = """
WITH page AS (
    SELECT s.order_id, s.state FROM order_states AS s WHERE s.order_id > $1 ORDER BY s.order_id LIMIT $2
),
heads AS (
    SELECT p.order_id, coalesce(e.number, 0) AS entries, coalesce(e.hash, p.state ->> 'record_hash') AS head
    FROM page AS p LEFT JOIN LATERAL (
        SELECT r.number, r.hash FROM record_entries AS r WHERE r.order_id = p.order_id ORDER BY r.number DESC LIMIT 1
    ) AS e ON true
),
added AS (
    INSERT INTO record_heads (position, order_id, entries, head)
    SELECT
        (SELECT coalesce(max(l.position) + 1, 0) FROM record_heads AS l) + row_number() OVER (ORDER BY h.order_id) - 1,
        h.order_id, h.entries, h.head
    FROM heads AS h
    WHERE h.head <> '' AND NOT EXISTS (
        SELECT 1 FROM record_heads AS l
        WHERE l.order_id = h.order_id AND l.entries = h.entries AND l.head = h.head
    )
    RETURNING 1
)
SELECT max(order_id) FROM page
"""
_LEAVES = "SELECT order_id, entries, head FROM record_heads WHERE position >= $1 AND position < $2 ORDER BY position"
_TILES = "SELECT number, root FROM record_tiles WHERE number >= $1 AND number < $2 ORDER BY number"
_ADD_TILE = "INSERT INTO record_tiles (number, root) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING number"
_ADD_DAY = """
INSERT INTO record_days (day, size, root, key, signature) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT DO NOTHING RETURNING day
"""
_ADD_KEY = "INSERT INTO record_keys (id, public) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING id"
_DAY = """
SELECT d.day, d.size, d.root, d.key, k.public, d.signature
FROM record_days AS d INNER JOIN record_keys AS k ON k.id = d.key
"""
_PLACE = f"""
SELECT * FROM ({_DAY} ORDER BY d.day DESC LIMIT 1) AS newest CROSS JOIN LATERAL (
    SELECT l.position, l.entries, l.head FROM record_heads AS l
    WHERE l.order_id = $1 AND l.position < newest.size ORDER BY l.position DESC LIMIT 1
) AS place
"""  # noqa: S608 - of our own parts only


class KeyTaken(BadInput):
    """A signing key has the id of another one that signed before."""


def leaf_of(row: Mapping[str, Any]) -> bytes:
    """The hash of a head in the tree."""
    return leaf_hash(head_text(row["order_id"], row["entries"], row["head"]))


class Root:
    """The root over leaves, or over the roots of equally large parts, that come one after the other."""

    def __init__(self) -> None:
        self._parts: list[tuple[int, bytes]] = []  # of falling sizes, each a power of two

    def add(self, found: bytes) -> None:
        """Take the next one in."""
        size = 1
        while self._parts and self._parts[-1][0] == size:
            found = node_hash(self._parts.pop()[1], found)
            size *= 2
        self._parts.append((size, found))

    @property
    def value(self) -> bytes | None:
        """The root so far; None: of nothing."""
        found: bytes | None = None
        for _, part in reversed(self._parts):
            found = part if found is None else node_hash(part, found)
        return found


def root_of(hashes: Iterable[bytes]) -> bytes | None:
    """The root over all of these; None: there are none."""
    root = Root()
    for found in hashes:
        root.add(found)
    return root.value


def path_of(index: int, hashes: Sequence[bytes]) -> list[bytes]:
    """The neighbors by which the one with this index comes to the root over all."""
    path, level = [], list(hashes)
    while len(level) > 1:
        if index ^ 1 < len(level):
            path.append(level[index ^ 1])
        pairs = [node_hash(level[at], level[at + 1]) for at in range(0, len(level) - 1, 2)]
        level = pairs + level[len(pairs) * 2 :]
        index //= 2
    return path


async def read_keys(pool: Database) -> list[dict[str, str]]:
    """The public keys with which something was signed, in the order in which they came."""
    rows = await pool.fetch(
        "SELECT id, public, to_char(since AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') AS since "
        "FROM record_keys ORDER BY record_keys.since, id"
    )
    return [dict(row) for row in rows]


async def add_key(pool: Database, key_id: str, public: str) -> None:
    """Have a public key listed. Raises KeyTaken where another one has its id."""
    await pool.fetchval(_ADD_KEY, key_id, public)
    if await pool.fetchval("SELECT public FROM record_keys WHERE id = $1", key_id) != public:
        raise KeyTaken(f"Another key with the id {key_id} has signed before: give this one an id of its own.")


async def read_day(pool: Database, day: date) -> dict[str, Any] | None:
    """The signed root of a day, or None."""
    row = await pool.fetchrow(f"{_DAY} WHERE d.day = $1", day)
    return _day(row) if row else None


def _day(row: Mapping[str, Any]) -> dict[str, Any]:
    names = ("size", "root", "key", "public", "signature")
    return {"day": row["day"].isoformat(), **{name: row[name] for name in names}}


async def add_heads(pool: Database) -> int:
    """Add the heads that the tree lacks; returns how many it has now."""
    # Reading needs no driver.
    from asyncpg import UniqueViolationError

    after: str | None = ""
    while after is not None:
        # Another one that adds heads may have been faster.
        with suppress(UniqueViolationError):
            after = await pool.fetchval(_ADD, after, PAGE)
    size: int = await pool.fetchval("SELECT coalesce(max(position) + 1, 0) FROM record_heads")
    return size


async def root_over(pool: Database, size: int, *, keep: bool = False) -> str:
    """The root over the first leaves, in memory for some thousand of them. `keep`: have what is new of it kept."""
    whole, number = Root(), 0
    async for rows in _pages(pool, _TILES, size // TILE):
        for row in rows:
            whole.add(bytes.fromhex(row["root"]))
        number += len(rows)
    async for leaves in _pages(pool, _LEAVES, size, begin=number * TILE):
        tile = root_of(map(leaf_of, leaves))
        if tile is not None:
            whole.add(tile)
        if keep and tile is not None and len(leaves) == TILE:
            await pool.fetchval(_ADD_TILE, number, tile.hex())
        number += 1
    return (whole.value or leaf_hash(b"")).hex()


async def _pages(pool: Database, query: str, end: int, begin: int = 0) -> AsyncIterator[Any]:
    for start in range(begin, end, TILE):
        rows = await pool.fetch(query, start, min(start + TILE, end))
        yield rows
        if len(rows) < min(TILE, end - start):
            return


async def write_day(
    pool: Database, day: date, sign: Callable[[bytes], Awaitable[Mapping[str, str]]]
) -> tuple[dict[str, Any], bool]:
    """The signed root of a day, and whether it is new: a day has one root, however often it is asked for.

    `sign` signs with a key that is listed (`add_key`).
    """
    written = await read_day(pool, day)
    if written is not None:
        return written, False
    size = await add_heads(pool)
    root = await root_over(pool, size, keep=True)
    signed = await sign(day_text(day.isoformat(), size, root))
    fresh = await pool.fetchval(_ADD_DAY, day, size, root, signed["key"], signed["signature"])
    return await read_day(pool, day) or {}, fresh is not None


async def read_proof(pool: Database, order_id: str) -> dict[str, Any] | None:
    """That the newest root of a day holds an order's record as it was then; None: none does."""
    row = await pool.fetchrow(_PLACE, order_id)
    if row is None:
        return None
    size, position = row["size"], row["position"]
    tile, last = position // TILE, (size - 1) // TILE
    own = [leaf_of(leaf) for leaf in await pool.fetch(_LEAVES, tile * TILE, min((tile + 1) * TILE, size))]
    tiles = [bytes.fromhex(one["root"]) async for rows in _pages(pool, _TILES, size // TILE) for one in rows]
    if len(tiles) == last:
        rest = own if tile == last else map(leaf_of, await pool.fetch(_LEAVES, last * TILE, size))
        tiles.append(root_of(rest) or b"")
    path = path_of(position % TILE, own) + path_of(tile, tiles)
    place = {"entries": row["entries"], "head": row["head"], "index": position}
    return {**_day(row), **place, "path": [one.hex() for one in path]}
