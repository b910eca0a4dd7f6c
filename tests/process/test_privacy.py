"""A person asks to be forgotten: marked texts are planted wherever somebody can write one, and then looked for."""

import asyncio
import hashlib
import io
import json
import secrets
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client
from temporalio.service import RPCError

from recourse.activities.about import About
from recourse.cli.timeline import timeline
from recourse.database.erasing import set_hold
from recourse.database.files import write_file
from recourse.database.orders import write_contacts
from recourse.errors import NoSuchOrder
from recourse.evidence.store import load_store
from recourse.resolution.model.display import Display
from recourse.resolution.model.notice import Notice
from recourse.resolution.model.record import Export, Reader, verify
from recourse.resolution.model.vocabulary import PARTIES
from recourse.starter.doctor import Doctor
from recourse.starter.privacy import KEPT, Piece, Privacy, UnderLegalHold, export_party
from recourse.starter.recovering import Recovery
from recourse.starter.simulate.order_clock import OrderClock
from recourse.web.pages.timeline import timeline as page_timeline
from tests.evidence.samples import kept_in, without
from tests.outcomes import code
from tests.patience import PATIENCE
from tests.process.conftest import Marketplace, working

READERS: tuple[Reader, ...] = ("client", "freelancer", "operator")
WHY = {"reason": "asked by mail", "legal_basis": "Art. 17(1)(b) GDPR"}
FREE = {"order.reachable_after": "2d"}


class Marks:
    """Texts that nobody else has, by who wrote them."""

    def __init__(self) -> None:
        self.of: dict[str, list[str]] = {"client": [], "freelancer": [], "operator": []}

    def __call__(self, role: str) -> str:
        self.of[role].append(f"Q{role[0]}{len(self.of[role])}Q")
        return self.of[role][-1]

    def found(self, text: str, *roles: str) -> list[str]:
        return [mark for role in roles for mark in self.of[role] if mark in text]


class Taking:
    """Takes every notice."""

    name = "webhook"
    whole_steps = False

    def receivers(self, contacts: Any) -> dict[Reader, str]:
        return dict.fromkeys(READERS, "somebody")

    async def send(self, notice: Notice, receiver: str, about: About) -> None:
        pass

    async def close(self) -> None:
        pass


async def quarrel(marketplace: Marketplace, mark: Marks, **terms: Any) -> str:
    """An order in which everybody writes whatever can be written; it ends by a ruling and a review."""
    by = marketplace.by
    order_id = await marketplace.order(changes=FREE, **terms)
    await write_contacts(
        marketplace.recourse.pool,
        order_id,
        {"client": f"{mark('client')}@home.test", "freelancer": f"{mark('freelancer')}@home.test"},
    )
    for role in ("client", "freelancer"):
        assert (await by(role, order_id, "message", comment=mark(role))).applied
        evidence = {"title": mark(role), "kind": mark(role), "sha256": "0" * 64}
        assert (await by(role, order_id, "add_evidence", **evidence, address=f"https://x.test/{mark(role)}")).applied
    assert (await by("freelancer", order_id, "deliver", comment=mark("freelancer"))).applied
    ask = {"kind": "cancel", "reason": "not_as_agreed", "attestations": [mark("client")]}
    assert (await by("client", order_id, "request", **ask, comment=mark("client"), private_note=mark("client"))).applied
    assert code(await by("client", order_id, "request", **ask, comment=mark("client"))) == "request_open"
    assert code(await by("client", order_id, "request", kind="cancel", reason=mark("client"))) == "request_open"
    assert (
        code(await by("client", order_id, "request", **{mark("client"): 1, "comment": mark("client")})) == "malformed"
    )
    refused = await marketplace.recourse.order(order_id).signal(
        mark("client"), {"actor": {"role": "client", "id": "c-1"}, "comment": mark("client"), "command_id": "u"}
    )
    assert refused is None
    assert (await by("freelancer", order_id, "decline", comment=mark("freelancer"))).applied
    assert (await by("client", order_id, "escalate", comment=mark("client"))).applied
    assert (await by("operator", order_id, "propose", amount=5_000, explanation=mark("operator"))).applied
    assert (await by("freelancer", order_id, "decline", comment=mark("freelancer"))).applied
    ruling = {"outcome": "cancel", "amount": 0, "explanation": mark("operator")}
    assert (await by("operator", order_id, "rule", **ruling)).applied
    review = {"visibility": "public", "rating": "negative"}
    assert (await by("client", order_id, "leave_feedback", **review, text=mark("client"))).applied
    # What a receiver answered is kept, and may repeat what it was sent.
    await marketplace.recourse.pool.execute(
        "UPDATE deliveries SET last_error = $1 FROM notices WHERE id = notice_id AND body::text LIKE '%Qc%'",
        f"you said {mark('client')}",
    )
    return order_id


def later() -> datetime:
    """When no order of a test can be reached any more."""
    return datetime.now(UTC) + timedelta(days=3)


async def over(marketplace: Marketplace, order_id: str) -> None:
    """Let time pass until the order answers no more."""
    clock = OrderClock(marketplace.client, marketplace.recourse.pool, order_id, patience=PATIENCE)
    await clock.skip_to(later())
    async with asyncio.timeout(PATIENCE):
        await marketplace.handle(order_id).result()


async def database(pool: Any) -> str:
    """Everything that the database holds."""
    tables = await pool.fetch(
        "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname IN ('public', 'analysis')"
    )
    return "\n".join([row[0] for (table,) in tables for row in await pool.fetch(f"SELECT t::text FROM {table} AS t")])


async def temporal(client: Client, order_ids: list[str]) -> str:
    """Everything that Temporal holds of these orders, and what it lists."""
    found = [str(run.raw_info) async for run in client.list_workflows()]
    for order_id in order_ids:
        try:
            handle = client.get_workflow_handle(f"order-{order_id}")
            found += [str(event) async for event in handle.fetch_history_events()]
            found.append(str((await handle.describe()).raw_description))
        except RPCError:
            pass
    return "\n".join(found)


async def all_of(pieces: AsyncIterator[Piece]) -> list[Piece]:
    return [piece async for piece in pieces]


@pytest.fixture
async def telling(temporal_address: str, pool: Any) -> AsyncIterator[Marketplace]:
    async with working(temporal_address, pool, Taking()) as marketplace:
        yield marketplace


async def test_nothing_of_an_erased_person_is_found_anywhere(
    telling: Marketplace, pool: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    mark, recourse = Marks(), telling.recourse
    order_id = await quarrel(telling, mark)
    open_one = await telling.order()
    await write_contacts(pool, open_one, {"client": f"{mark('client')}@home.test"})
    assert (await telling.by("client", open_one, "message", comment="said in an open order")).applied
    exported = "".join([piece async for piece in export_party(recourse, "client", "c-1")])
    heads = {reader: (await recourse.order(order_id).record(reader))["head"] for reader in READERS}
    own = json.loads(exported)["orders"]
    assert [one["order_id"] for one in own] == sorted([order_id, open_one])
    assert all(verify(one["record"]) == [] for one in own)
    unknown = set(mark.of["client"]) - set(mark.found(exported, "client"))
    assert unknown == {mark.of["client"][-2]}  # what a receiver answered

    # While the order can be reached, its words stay, but the addresses go.
    privacy = Privacy(recourse)
    planned = await all_of(privacy.preview("client", "c-1", others_too=False))
    done = await all_of(privacy.erase("client", "c-1", others_too=False, **WHY))
    waits = {(piece.order_id, piece.what, piece.left) for piece in done}
    assert waits == {
        (order_id, "contacts", None),
        (order_id, "texts", "reachable"),
        (open_one, "contacts", None),
        (open_one, "texts", "open"),
    }
    assert {(piece.order_id, piece.what, piece.left) for piece in planned} == waits
    kept = await database(pool)
    assert "@home.test" in kept
    assert mark.found(kept, "client") == [
        one for one in mark.of["client"] if one not in (mark.of["client"][0], mark.of["client"][-1])
    ]
    assert mark.found(await temporal(telling.client, [order_id]), "client")

    await over(telling, order_id)
    (went,) = [piece for piece in await all_of(privacy.sweep()) if piece.left is None]
    assert (went.order_id, went.what) == (order_id, "texts")
    left = await database(pool)
    assert mark.found(left, "client") == []
    # What nobody could prove or read went with it, and the others' words are there.
    assert mark.found(left, "freelancer", "operator") == mark.of["freelancer"] + mark.of["operator"]
    said = capfd.readouterr()
    assert mark.found(said.out + said.err, "client") == []
    async with asyncio.timeout(PATIENCE):
        # Temporal deletes in the background.
        while mark.found(await temporal(telling.client, [order_id]), "client", "freelancer", "operator"):
            pass
    assert "said in an open order" in left

    # Everything that reads the order works, and the record is the one whose heads were known.
    for reader in READERS:
        record = await recourse.order(order_id).record(reader)
        assert verify(record, heads[reader]) == []
        export = Export.model_validate(record)
        assert len(timeline(export).rows) == len(export.entries)
        assert page_timeline(export.entries, reader, "USD")
        assert (await recourse.order(order_id).show(reader)).phase == "canceled"
        await recourse.order(order_id).notices(reader)
        await recourse.order(order_id).actions(reader)
    # By the clock of this machine it can still be reached.
    assert [found.kind async for found in Doctor(recourse).one(order_id)] == ["orphaned"]
    assert "over" in (await Recovery(recourse, now=later).revive(order_id)).says

    # An order that comes back to life goes on with the same chain.
    await Recovery(recourse).revive(order_id)
    assert (await telling.by("freelancer", order_id, "decline", comment=mark("freelancer"))).entry
    again = await recourse.order(order_id).record("freelancer")
    assert verify(again) == []
    assert len(again["entries"]) == len(export.entries) + 1
    await over(telling, order_id)
    with pytest.raises(NoSuchOrder):
        await all_of(privacy.preview("freelancer", "nobody", others_too=False))
    await all_of(privacy.erase("freelancer", "f-1", others_too=True, **WHY))
    assert mark.found(await database(pool), "client", "freelancer", "operator") == []
    assert verify(await recourse.order(order_id).record("operator"), again["head"]) == []


async def test_of_a_party_under_a_legal_hold_nothing_is_erased(marketplace: Marketplace, pool: Any) -> None:
    assert await marketplace.recourse.order(await marketplace.order()).soon_written()
    privacy = Privacy(marketplace.recourse)
    await set_hold(pool, "a lawsuit", role="client", party="c-1")
    with pytest.raises(UnderLegalHold, match=r"The client c-1 is under a legal hold since .*: a lawsuit"):
        await all_of(privacy.erase("client", "c-1", others_too=False, **WHY))
    assert await pool.fetchval("SELECT count(*) FROM erasures") == 0
    # The other side may be erased, but not in the orders that the two share.
    await pool.execute("INSERT INTO contacts SELECT order_id, 'freelancer', 'f@home.test' FROM orders")
    (piece, _) = await all_of(privacy.erase("freelancer", "f-1", others_too=False, **WHY))
    assert (piece.what, piece.left) == ("contacts", "held")
    await pool.execute("UPDATE legal_holds SET lifted_at = now()")
    (piece, _) = await all_of(privacy.sweep())
    assert (piece.what, piece.left) == ("contacts", None)


async def test_a_sweep_erases_what_a_policy_keeps_no_longer(telling: Marketplace, pool: Any) -> None:
    keeping = {"contacts": "1d", "addresses": "5d", "notices": "10d", "texts": "30d", "orders": "90d"}
    changes = {"order.reachable_after": "0h", **{f"keeping.{key}": kept for key, kept in keeping.items()}}
    order_id = await telling.order(changes=changes)
    kept_for_ever = await telling.order(changes={"order.reachable_after": "0h"})
    evidence = {"title": "QtitleQ", "kind": "file", "sha256": "0" * 64, "address": "https://x.test/QaddressQ"}
    for one in (order_id, kept_for_ever):
        await write_contacts(pool, one, {"client": "QmailQ@home.test"})
        assert (await telling.by("client", one, "add_evidence", **evidence)).applied
        assert (await telling.by("freelancer", one, "deliver", comment="QcommentQ")).applied
        assert (await telling.by("client", one, "complete")).applied
        async with asyncio.timeout(PATIENCE):
            await telling.handle(one).result()
    head = (await telling.recourse.order(order_id).record("operator"))["head"]

    async def rows() -> str:
        found = await database(pool)
        return "\n".join(line for line in found.splitlines() if order_id in line)

    async def swept(days: float, *, dry_run: bool = False) -> list[str]:
        at = datetime.now(UTC) + timedelta(days=days)
        return [piece.what async for piece in Privacy(telling.recourse, now=lambda: at).sweep(dry_run=dry_run)]

    assert await swept(0.5) == []
    for days, what, gone in (
        (1.1, "contacts", "QmailQ"),
        (5.1, "addresses", "QaddressQ"),
        (10.1, "notices", "order_delivered"),
        (30.1, "texts", "QtitleQ"),
    ):
        before = await rows()
        assert (await swept(days, dry_run=True), await rows()) == ([what], before)
        assert await swept(days) == [what]
        assert await swept(days) == []
        assert gone not in await rows()
        assert verify(await telling.recourse.order(order_id).record("client"), head) == []
    await pool.execute("SELECT count_facts(100)")
    assert await swept(90.1) == ["order"]
    assert await swept(90.1) == []
    with pytest.raises(NoSuchOrder):
        await telling.recourse.order(order_id).state()
    assert {what for (what,) in await pool.fetch("SELECT what FROM erased_orders")} == {*KEPT}
    left = await database(pool)
    for text in ("QmailQ", "QaddressQ", "QtitleQ", "QcommentQ"):
        assert text in left  # of the other order


async def test_of_a_record_that_somebody_changed_nothing_is_erased_and_its_history_stays(
    telling: Marketplace, pool: Any
) -> None:
    order_id = await telling.order(changes={"order.reachable_after": "0h", "keeping.texts": "1d"})
    assert (await telling.by("freelancer", order_id, "deliver", comment="QcommentQ")).applied
    assert (await telling.by("client", order_id, "complete")).applied
    async with asyncio.timeout(PATIENCE):
        await telling.handle(order_id).result()
    changed = """UPDATE record_entries SET content = content || '{"to": "canceled"}' WHERE number = 1"""
    await pool.execute(
        f"ALTER TABLE record_entries DISABLE TRIGGER USER; {changed}; ALTER TABLE record_entries ENABLE TRIGGER USER"
    )
    (piece,) = [piece async for piece in Privacy(telling.recourse, now=later).sweep()]
    assert (piece.left, piece.says) == ("refused", f"entry 1 of order {order_id} does not fit its hash")
    assert "QcommentQ" in await database(pool)
    assert "QcommentQ" in await temporal(telling.client, [order_id])
    assert await pool.fetchval("SELECT count(*) FROM erased_orders") == 0


async def test_what_people_call_an_order_is_shown_and_erased_with_the_person(telling: Marketplace, pool: Any) -> None:
    order_id = await telling.order(changes=FREE)
    order = telling.recourse.order(order_id)
    assert await order.soon_written()
    await order.set_display(Display(title="QtitleQ", client_name="QbenQ", freelancer_name="QadaQ"))
    exported = "".join([piece async for piece in export_party(telling.recourse, "client", "c-1")])
    assert "QtitleQ" in exported
    assert "QbenQ" in exported
    done = await all_of(Privacy(telling.recourse).erase("client", "c-1", others_too=False, **WHY))
    assert {(piece.what, piece.left) for piece in done} == {("contacts", None), ("texts", "open")}
    assert await order.display() == Display(title="QtitleQ", freelancer_name="QadaQ")
    assert (
        await telling.by("freelancer", order_id, "request", kind="cancel", reason="other", comment="Sorry.")
    ).applied
    assert (await telling.by("client", order_id, "accept")).applied
    await over(telling, order_id)
    assert await all_of(Privacy(telling.recourse).sweep())
    assert await order.display() == Display(freelancer_name="QadaQ")
    # A title that comes later does not stay because others are gone.
    await order.set_display(Display(title="QlateQ"))
    await all_of(Privacy(telling.recourse).erase("client", "c-1", others_too=False, **WHY))
    assert await order.display() is None


async def test_files_go_with_the_words_that_name_them_and_not_before_the_store_lets_them_go(
    telling: Marketplace, pool: Any, tmp_path: Path
) -> None:
    order_id = await telling.order(changes={"order.reachable_after": "0h"})
    store, content, ids = load_store(f"folder:{tmp_path}"), b"QfileQ", {}
    assert store
    for role in PARTIES:
        ids[role] = file_id = secrets.token_hex(16)
        digest = hashlib.sha256(content).hexdigest()
        await telling.recourse.order(order_id).soon_written()
        await write_file(pool, file_id, order_id, role, "QnameQ.txt", "text/plain", len(content), digest)
        await store.put(file_id, io.BytesIO(content), digest, "text/plain")
        evidence = {"title": "QnameQ.txt", "kind": "text", "sha256": digest}
        address = f"/orders/{order_id}/files/{file_id}"
        assert (await telling.by(role, order_id, "add_evidence", **evidence, address=address)).applied
    assert (await telling.by("freelancer", order_id, "deliver")).applied
    assert (await telling.by("client", order_id, "complete")).applied
    async with asyncio.timeout(PATIENCE):
        await telling.handle(order_id).result()
    exported = json.loads("".join([piece async for piece in export_party(telling.recourse, "client", "c-1")]))
    assert [(one["file_id"], one["name"]) for one in exported["orders"][0]["files"]] == [(ids["client"], "QnameQ.txt")]

    def kept() -> set[str]:
        return {one.name for one in kept_in(tmp_path)}

    (waits,) = await all_of(Privacy(telling.recourse).erase("client", "c-1", others_too=False, **WHY))
    assert (waits.what, waits.left) == ("texts", "files")
    assert waits.says == "its files cannot be deleted now: it has files: set RECOURSE_EVIDENCE as for the web servers"
    with without(tmp_path):
        (waits,) = await all_of(Privacy(telling.recourse, files=store).sweep())
    assert waits.left == "files"
    # Nothing was half done.
    assert (kept(), (await database(pool)).count("QnameQ") >= 4) == (set(ids.values()), True)

    (went,) = await all_of(Privacy(telling.recourse, files=store).sweep())
    assert (went.what, went.left, kept()) == ("texts", None, {ids["freelancer"]})
    rows = await pool.fetch("SELECT role FROM evidence_files")
    assert [row["role"] for row in rows] == ["freelancer"]
    await all_of(Privacy(telling.recourse, files=store).erase("client", "c-1", others_too=True, **WHY))
    assert (kept(), "QnameQ" in await database(pool)) == (set(), False)
