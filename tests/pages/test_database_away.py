"""A page that needs a database which is away says so to a party, and keeps to itself how the server is set up."""

from recourse.database.pool import POOLED, connect
from recourse.starter.client import Recourse
from recourse.web.app import make_app
from tests.http.conftest import KEYS
from tests.pages.conftest import Visitors
from tests.process.conftest import Marketplace


async def test_a_party_reads_that_the_database_is_away_and_nothing_of_settings(
    marketplace: Marketplace, dsn: str, visitor: Visitors
) -> None:
    pool = await connect(dsn, most=1)
    client = await visitor("client", to=make_app(Recourse(marketplace.client, pool), KEYS))
    assert (await client.open("orders")).status_code == 200
    await pool.execute("DEALLOCATE ALL")  # as a pooler does that gives us another session
    assert (await client.open("orders")).status_code == 503
    assert "The database cannot be reached at the moment." in client.words
    assert POOLED not in client.words
    assert "DATABASE_URL" not in client.words
    assert (await client.open("orders")).status_code == 200
    await pool.close()
