"""Files of evidence as the database knows them: whose, of which order, and whether the record names them."""

from collections.abc import Sequence
from typing import Any

from pydantic import AwareDatetime, Field

from recourse.database.access import Database
from recourse.resolution.model.vocabulary import Party, View

# Of one party on one order, named or not.
MOST_FILES = 100
# A file that a command names stays for so long without an entry of the record: the order may be waiting for a worker.
NAMED_FOR = "30 days"


class EvidenceFile(View):
    """A file that a party brought as evidence."""

    file_id: str = Field(description="The file's id.")
    order_id: str = Field(description="The order's id.")
    role: Party = Field(description="The party that brought it.")
    name: str = Field(description="The file's name.")
    media_type: str = Field(description="The file's type, such as `image/png`.")
    size: int = Field(description="The size in bytes.")
    sha256: str = Field(description="The SHA-256 hash of the content.")
    arrived_at: AwareDatetime | None = Field(description="When it was there with this hash; null: it is not yet.")
    named: bool = Field(description="Whether evidence on record names it. Until then only its party can read it.")
    shown: bool = Field(description="Whether it can be shown as a small picture.")


_FILES = """
SELECT f.id AS file_id, f.order_id, f.role, f.name, f.media_type, f.size, f.sha256, f.arrived_at, f.shown,
    n.id IS NOT NULL AS named
FROM evidence_files AS f LEFT JOIN (SELECT DISTINCT id FROM named_files($1) AS id) AS n ON n.id = f.id
WHERE f.order_id = $1
"""


async def files_of(pool: Database, order_id: str) -> list[EvidenceFile]:
    """All files of an order, in the order in which they came."""
    rows = await pool.fetch(f"{_FILES} ORDER BY f.began_at, f.id", order_id)
    return [EvidenceFile.model_validate(dict(row)) for row in rows]


async def read_file(pool: Database, order_id: str, file_id: str) -> EvidenceFile | None:
    """One file of an order; None: there is none of this id."""
    row = await pool.fetchrow(f"{_FILES} AND f.id = $2", order_id, file_id)
    return EvidenceFile.model_validate(dict(row)) if row else None


async def write_file(
    pool: Database, file_id: str, order_id: str, role: Party, name: str, media_type: str, size: int, sha256: str
) -> bool:
    """Note a file that is to come. One of this id stays as it is. False: the party has as many as it may have."""
    noted = await pool.fetchval(
        "WITH own AS (SELECT id FROM evidence_files WHERE order_id = $2 AND role = $3), made AS ("
        "INSERT INTO evidence_files (id, order_id, role, name, media_type, size, sha256) "
        "SELECT $1, $2, $3, $4, $5, $6, $7 WHERE (SELECT count(*) FROM own) < $8 ON CONFLICT (id) DO NOTHING"
        " RETURNING id) SELECT EXISTS (SELECT 1 FROM made) OR EXISTS (SELECT 1 FROM own WHERE id = $1)",
        file_id,
        order_id,
        role,
        name,
        media_type,
        size,
        sha256,
        MOST_FILES,
    )
    return bool(noted)


async def note_arrival(pool: Database, file_id: str, *, shown: bool) -> None:
    """Note that the file is in the store, with its hash; `shown`: pages may show it as a small picture."""
    await pool.fetch(
        "UPDATE evidence_files SET arrived_at = coalesce(arrived_at, now()), shown = $2 WHERE id = $1", file_id, shown
    )


async def keep_for_a_command(pool: Database, file_id: str) -> None:
    """Keep a file for longer, since a command that names it is on its way."""
    await pool.fetch(
        f"UPDATE evidence_files SET kept_until = now() + interval '{NAMED_FOR}' "  # noqa: S608
        "WHERE id = $1 AND kept_until IS NOT NULL",
        file_id,
    )


async def drop_unnamed(connection: Any, most: int) -> list[str]:
    """The ids of files that no command named in time, whose rows go with this transaction."""
    return [row[0] for row in await connection.fetch("SELECT drop_unnamed_files($1)", most)]


async def files_to_erase(connection: Any, order_id: str, whose: Sequence[str]) -> list[str]:
    """The ids of the files that these roles brought to an order."""
    query = "SELECT id FROM evidence_files WHERE order_id = $1 AND role = ANY($2) ORDER BY id"
    return [row[0] for row in await connection.fetch(query, order_id, list(whose))]
