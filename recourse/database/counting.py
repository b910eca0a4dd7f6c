"""Counting the facts of closed orders, outside of the steps that wrote them."""

from recourse.database.access import Database

AT_ONCE = 1000  # facts in one transaction


async def count_facts(pool: Database) -> int:
    """Count all that is queued; returns how many facts that were. 0 also where somebody else is counting."""
    total = 0
    while counted := await pool.fetchval("SELECT count_facts($1)", AT_ONCE):
        total += counted
    return total
