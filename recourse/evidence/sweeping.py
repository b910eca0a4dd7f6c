"""Deleting files that were uploaded and that no command named."""

from typing import Any

from recourse.database.files import drop_unnamed
from recourse.evidence.store import KeptFiles


async def sweep_files(pool: Any, store: KeptFiles, most: int) -> int:
    """Delete files that nobody named in time, at most so many; how many that were. Raises EvidenceAway."""
    async with pool.acquire() as connection, connection.transaction():
        due = await drop_unnamed(connection, most)
        # Before the database forgets that they are there.
        for file_id in due:
            await store.delete(file_id)
    return len(due)
