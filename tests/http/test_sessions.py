"""Who is signed in, and how that is ended before it expires."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from recourse.cli import sessions
from recourse.cli.output import Stop
from recourse.database.sessions import SessionRow, begin_session
from recourse.web.tokens import Bearer, sign_token
from tests.http.conftest import KEYS, Caller, Callers


async def issued(by: Callers, role: str, holder: str) -> Any:
    """A token that the API has made."""
    return (await by("service").post("/tokens", {"role": role, "id": holder})).json()


async def test_a_token_is_ended_without_another(by: Callers, http: httpx2.AsyncClient) -> None:
    one, other = await issued(by, "client", "c-1"), await issued(by, "client", "c-1")
    shop = by("service")
    listed = (await shop.get("/sessions", of="client:c-1")).json()["sessions"]
    assert {row["id"] for row in listed} == {one["id"], other["id"]}
    assert {(row["kind"], row["holder"]) for row in listed} == {("token", "c-1")}
    assert (await delete(http, shop, one["id"])).status_code == 204
    refused, fine = [await Caller(http, made["token"]).get("/orders") for made in (one, other)]
    assert (refused.status_code, refused.json()["code"], fine.status_code) == (401, "bad_token", 200)
    assert [row["id"] for row in (await shop.get("/sessions")).json()["sessions"]] == [other["id"]]
    assert (await delete(http, shop, one["id"])).status_code == 204
    assert (await delete(http, shop, "never")).json()["code"] == "no_such_session"


async def test_a_token_of_another_maker_is_known_from_its_first_use_on(by: Callers, http: httpx2.AsyncClient) -> None:
    soon = datetime.now(UTC) + timedelta(hours=1)
    made = Caller(http, sign_token(KEYS, Bearer(role="service", id="shop"), "recourse-api", soon, "own-1"))
    for _ in range(2):
        assert [row["id"] for row in (await made.get("/sessions")).json()["sessions"]] == ["own-1"]
    assert (await delete(http, made, "own-1")).status_code == 204
    assert (await made.get("/sessions")).status_code == 401


async def test_operators_end_what_is_not_a_backends_and_parties_nothing(by: Callers, http: httpx2.AsyncClient) -> None:
    soon = datetime.now(UTC) + timedelta(hours=1)
    backend = Caller(http, sign_token(KEYS, Bearer(role="service", id="shop"), "recourse-api", soon, "own-1"))
    assert (await backend.get("/orders")).status_code == 200
    client = await issued(by, "client", "c-1")
    operator = by("operator")
    assert [row["id"] for row in (await operator.get("/sessions")).json()["sessions"]] == [client["id"]]
    assert (await delete(http, operator, "own-1")).status_code == 404
    assert (await delete(http, operator, client["id"])).status_code == 204
    for party in (by("client"), by("freelancer")):
        assert (await party.get("/sessions")).status_code == 403
        assert (await delete(http, party, client["id"])).status_code == 403


async def delete(http: httpx2.AsyncClient, caller: Caller, session_id: str) -> httpx2.Response:
    """End a session."""
    return await http.delete(f"/sessions/{session_id}", headers=caller._headers)


async def test_sessions_are_listed_in_pages(by: Callers) -> None:
    ids = sorted([(await issued(by, "client", f"c-{number}"))["id"] for number in range(3)])
    shop = by("service")
    first = (await shop.get("/sessions", limit=2)).json()
    rest = (await shop.get("/sessions", limit=2, after=first["next"])).json()
    assert [row["id"] for row in first["sessions"] + rest["sessions"]] == ids
    assert rest["next"] is None


async def test_what_cannot_be_used_any_more_goes(pool: Any) -> None:
    """The table is as long as what can be used at the moment, however much was used before."""

    def used(session_id: str, until: datetime) -> SessionRow:
        return SessionRow(id=session_id, kind="token", role="client", holder="c-1", began_at=until, expires_at=until)

    now = datetime.now(UTC)
    for number in range(30):
        assert await begin_session(pool, used(f"old-{number}", now), now - timedelta(seconds=1))
    for number in range(3):
        assert await begin_session(pool, used(f"new-{number}", now + timedelta(hours=1)), now + timedelta(hours=2))
    assert await pool.fetchval("SELECT count(*) FROM sessions WHERE id LIKE 'new-%'") == 3
    assert await pool.fetchval("SELECT count(*) FROM sessions") < 8


async def test_the_command_line_lists_and_ends_them_too(
    by: Callers, dsn: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"{dsn}?role=recourse_web")
    made = await issued(by, "client", "c-1")
    await sessions.list_them("client:c-1", json=True)
    [listed] = json.loads(capsys.readouterr().out)
    assert (listed["id"], listed["holder"]) == (made["id"], "c-1")
    await sessions.end(made["id"])
    await sessions.list_them()
    assert capsys.readouterr().out == f"Session {made['id']} has ended.\nid\tkind\tholder\tsince\tuntil\n"
    with pytest.raises(Stop, match="There is no session x"):
        await sessions.end("x")
