"""A program does not work where its clock and that of a server differ so much that deadlines would be wrong."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from recourse.errors import DatabaseUnreachable
from recourse.runtime.clocks import apart
from recourse.runtime.database_connection import fit_for_work, takes_writes

NOW = datetime(2026, 3, 4, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("ahead", "said"), [(0, None), (30, None), (-30, None), (31, "31 s ahead of"), (-3600, "3600 s behind")]
)
def test_clocks_may_differ_by_half_a_minute(ahead: int, said: str | None) -> None:
    found = apart("the database", NOW + ahead * SECOND, NOW)

    assert found is None if said is None else found is not None and said in found


@pytest.mark.parametrize("check", [fit_for_work, takes_writes])
async def test_a_server_whose_clock_is_wrong_neither_begins_nor_is_ready(pool: Any, check: Any) -> None:
    await check(pool, "app")
    with pytest.raises(DatabaseUnreachable, match="3600 s ahead of that of this machine: synchronize both"):
        await check(pool, "app", lambda: datetime.now(UTC) - timedelta(hours=1))
