"""Signed records and the roots of days: what the verifier of one file says of honest and of forged ones [R66]."""

import json
import subprocess
import sys
from collections.abc import Callable
from copy import deepcopy
from datetime import UTC, date, datetime, timedelta
from inspect import getsource
from pathlib import Path
from random import Random
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from recourse import verify_record
from recourse.database import days
from recourse.database.days import KeyTaken, add_key, path_of, read_keys, root_of, root_over, write_day
from recourse.database.steps import record_step
from recourse.errors import BadInput
from recourse.resolution.engine import OrderEngine
from recourse.resolution.model.record import make_entry
from recourse.runtime.signing import FileSigner, RecordSigner, read_signer, signature
from recourse.starter.reading import Orders
from recourse.verify_record import PROVEN, check, leaf_hash, node_hash, root_by, seal_of, verdict
from tests.facts.lives import READERS, Life, live
from tests.facts.test_record import said

DAY = date(2026, 11, 29)
AT = datetime(2026, 11, 30, 12, tzinfo=UTC)


def a_signer(key_id: str) -> FileSigner:
    return FileSigner(key_id, Ed25519PrivateKey.generate())


async def a_day(pool: Any, signer: RecordSigner, day: date = DAY) -> Any:
    await add_key(pool, signer.key_id, signer.public_key.hex())
    return await write_day(pool, day, lambda text: signature(signer, text))


async def stored(pool: Any, life: Life) -> Life:
    for step in life.steps:
        await record_step(pool, step)
    return life


def orders(pool: Any, signer: RecordSigner | None) -> Orders:
    return Orders(pool, now=lambda: AT, signer=signer)


def states(document: Any, **known: Any) -> dict[str, str]:
    return {finding.part: finding.state for finding in check(document, **known)}


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-I", *arguments], capture_output=True, text=True, check=False)


async def long_record(pool: Any, entries: int) -> str:
    """An order with so many entries."""
    opening = live(Random(4), order_id="long", moves=0, close=False, opening_salt=True).opening
    engine = OrderEngine(opening)
    await record_step(pool, engine.commit(engine.opening()))
    order, rows = engine.order, []
    for number in range(1, entries + 1):
        at = order.decided_at + timedelta(seconds=number)
        entry = make_entry(order, at, said(at, comment=f"Message {number}", private=number))
        rows.append(("long", number, at, entry.content, entry.previous, entry.hash))
        order = order.model_copy(update={"record_length": number, "record_hash": entry.hash})
    await pool.executemany("INSERT INTO record_entries VALUES ($1, $2, $3, $4, $5, $6)", rows)
    return order.record_hash


async def test_a_record_of_1000_entries_is_signed_anchored_exported_redacted_and_verified_by_one_file(
    pool: Any, tmp_path: Path
) -> None:
    head, signer = await long_record(pool, 1000), a_signer("2026-11")
    made, _ = await a_day(pool, signer)
    verifier = tmp_path / "alone" / "verify_record.py"
    verifier.parent.mkdir()
    verifier.write_text(getsource(verify_record), encoding="utf-8")
    written = {"keys": {"keys": await read_keys(pool)}, "day": made}
    for reader in READERS:
        written[reader] = await orders(pool, signer).order("long").record(reader)
        assert ('{"hidden"' in json.dumps(written[reader])) == (reader != "operator")
    files = {name: tmp_path / f"{name}.json" for name in written}
    for name, file in files.items():
        file.write_text(json.dumps(written[name]), encoding="utf-8")
    known = [f"--keys={files['keys']}", f"--day={files['day']}", f"--head={head}", f"--older={files['operator']}"]
    done = run(str(verifier), str(files["client"]), *known)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "It verifies."
    assert [line.split()[:2] for line in lines[1:]] == [
        [part, "holds"] for part in ("chain", "terms", "head", "export", "day", "known", "known")
    ]
    # Without the package for signatures, the chain is checked with what Python brings.
    bare = f"import sys; sys.modules['cryptography'] = None; sys.argv[1:] = {[str(files['client'])]!r}\n"
    bare += f"exec(compile(open({str(verifier)!r}).read(), 'verify_record.py', 'exec'))"
    done = run("-c", bare)
    assert (done.returncode, done.stderr) == (0, "")
    assert "chain   holds        1000 entries follow from what was ordered" in done.stdout
    assert done.stdout.count("not checked  the signature needs the package cryptography") == 3


async def signed(pool: Any, signer: RecordSigner) -> tuple[Any, Any, list[dict[str, str]]]:
    """An export of an order as of a day, one after it has gone on, and the keys."""
    life = live(Random(11), opening_salt=True)
    half = len(life.steps) // 2
    for step in life.steps[:half]:
        await record_step(pool, step)
    await a_day(pool, signer)
    older = await orders(pool, signer).order("o-1").record("client")
    for step in life.steps[half:]:
        await record_step(pool, step)
    return older, await orders(pool, signer).order("o-1").record("client"), await read_keys(pool)


def resealed(document: Any) -> Any:
    return document | {"seal": seal_of(document)}


def shortened(document: Any) -> Any:
    entries = document["entries"][:-1]
    count = sum("fields" in entry for entry in entries)
    return resealed(document | {"entries": entries, "head": entries[-1]["hash"], "record_length": count})


def rewritten(document: Any) -> Any:
    """All hashes anew, as anybody can make them that has the salts."""
    forged = deepcopy(document)
    first = next(entry for entry in forged["entries"] if "fields" in entry)
    first["fields"]["command"]["value"] = "accept"
    previous = forged["entries"][0]["previous"]
    for entry in forged["entries"]:
        fields = entry.get("hidden") or verify_record.fields_hash(verify_record._hashes(entry["fields"]))
        entry["previous"] = previous
        previous = entry["hash"] = verify_record.entry_hash(entry["number"], previous, fields)
    return resealed(forged | {"head": previous})


def lengthened(document: Any) -> Any:
    last = document["entries"][-1]
    more = {"number": last["number"] + 1, "previous": last["hash"], "hidden": "0" * 64}
    more["hash"] = verify_record.entry_hash(more["number"], more["previous"], more["hidden"])
    return resealed(document | {"entries": [*document["entries"], more], "head": more["hash"]})


@pytest.mark.parametrize("forge", [shortened, rewritten, lengthened], ids=lambda forge: forge.__name__)
async def test_a_forged_record_is_consistent_in_itself_and_its_signatures_are_not(
    pool: Any, forge: Callable[[Any], Any]
) -> None:
    older, newer, keys = await signed(pool, a_signer("k1"))
    assert states(newer, keys={"keys": keys}, older=older) == dict.fromkeys(
        ("chain", "terms", "head", "export", "day", "known"), "holds"
    )
    forged = forge(newer)
    found = states(forged, keys={"keys": keys}, older=older)
    assert (found["chain"], found["head"], found["export"]) == ("holds", "wrong", "wrong")
    assert found["known"] == ("wrong" if forge is rewritten else "holds")
    assert found["day"] == ("wrong" if forge is rewritten else "holds")
    bare = forged | {"signatures": {}}
    assert states(bare, keys={"keys": keys})["export"] == "wrong"
    assert verdict(check(bare, head=newer["head"])) == (PROVEN if forge is lengthened else "It does not verify.")
    unproven = "It is consistent in itself. Whose record it is, and whether it is whole, is not proven."
    alone = resealed({name: part for name, part in bare.items() if name != "day"})
    assert verdict(check(alone)) == unproven


async def test_an_honest_longer_record_is_told_from_a_shortened_one(pool: Any) -> None:
    older, newer, _ = await signed(pool, a_signer("k1"))
    [grew] = [one.says for one in check(newer, head=older["head"]) if one.part == "known"]
    assert grew.startswith(f"the given hash is that of entry {len(older['entries'])}; ")
    [short] = [one.says for one in check(older, older=newer) if one.part == "known"]
    assert short.endswith("the record was shortened")


async def test_each_key_that_does_not_fit_is_named(pool: Any) -> None:
    signer = a_signer("k1")
    _, export, keys = await signed(pool, signer)
    listed, foreign = keys[0], a_signer("k1").public_key.hex()

    def says(*trusted: dict[str, str]) -> str:
        return next(one.says for one in check(export, keys={"keys": list(trusted)}) if one.part == "export")

    assert says(listed) == "the key k1 signed this export, made at 2026-11-30T12:00:00Z"
    assert says() == "it is signed with the key k1, which is not among the given keys"
    assert says(listed | {"public": foreign}).startswith("the signature is not that of the key k1")
    replaced = listed | {"since": "2026-01-01T00:00:00Z"}
    late, early = ({"id": "k2", "public": foreign, "since": f"2026-1{at}T00:00:00Z"} for at in ("2-01", "1-28"))
    assert says(replaced, late).startswith("the key k1, which k2 replaced at 2026-12-01T00:00:00Z, signed this")
    assert says(replaced, early).endswith("replaced at 2026-11-28T00:00:00Z, before this export")
    own = {one.part: one for one in check(export)}
    assert (own["export"].state, "--keys says whose it is" in own["export"].says) == ("not checked", True)


async def test_a_day_has_one_root_and_a_later_one_covers_the_days_that_were_missed(
    pool: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(days, "TILE", 4)
    monkeypatch.setattr(days, "PAGE", 3)
    old, new = a_signer("k1"), a_signer("k2")
    for number in range(10):
        await stored(pool, live(Random(number), order_id=f"o-{number}", moves=2, close=False))
    first, fresh = await a_day(pool, old)
    heads = await pool.fetchval("SELECT count(*) FROM record_heads")
    assert (fresh, first["size"]) == (True, heads)
    assert await a_day(pool, new) == (first, False)
    with pytest.raises(KeyTaken):
        await add_key(pool, "k1", new.public_key.hex())
    await stored(pool, live(Random(90), order_id="o-90"))
    second, _ = await a_day(pool, new, DAY + timedelta(days=3))
    assert (second["size"], second["key"]) == (heads + 1, "k2")
    assert await root_over(pool, first["size"]) == first["root"]
    keys = {"keys": await read_keys(pool)}
    for row in await pool.fetch("SELECT order_id FROM record_heads"):
        document = await orders(pool, new).order(row["order_id"]).record("operator")
        assert states(document, keys=keys, day=second)["day"] == "holds"
        assert states(document, keys=keys, day=first)["day"] == "wrong"
        moved = document | {"day": document["day"] | {"index": (document["day"]["index"] + 1) % second["size"]}}
        assert states(resealed(moved))["day"] == "wrong"


async def test_what_the_owner_of_the_database_rewrites_does_not_fit_the_root_of_a_day(pool: Any) -> None:
    signer = a_signer("k1")
    older, _, keys = await signed(pool, signer)
    await pool.execute("ALTER TABLE record_entries DISABLE TRIGGER USER")
    previous = older["entries"][-2]["hash"]
    forged = verify_record.entry_hash(len(older["entries"]), previous, "0" * 64)
    await pool.execute("UPDATE record_entries SET hash = $1 WHERE number = $2", forged, len(older["entries"]))
    await pool.execute("ALTER TABLE record_entries ENABLE TRIGGER USER")
    found = await orders(pool, signer).order("o-1").record("client")
    [day] = [one for one in check(found, keys={"keys": keys}) if one.part == "day"]
    assert (day.state, day.says) == (
        "wrong",
        f"entry {len(older['entries'])} has another hash than on 2026-11-29: it was rewritten",
    )


def test_the_path_of_each_leaf_comes_to_the_root_of_rfc_6962() -> None:
    def by_definition(leaves: list[bytes]) -> bytes:
        if len(leaves) == 1:
            return leaves[0]
        half = 1 << (len(leaves) - 1).bit_length() - 1
        return node_hash(by_definition(leaves[:half]), by_definition(leaves[half:]))

    for size in range(1, 34):
        leaves = [leaf_hash(bytes([number])) for number in range(size)]
        root = by_definition(leaves)
        assert root_of(leaves) == root
        for index, leaf in enumerate(leaves):
            path = path_of(index, leaves)
            assert root_by(leaf, index, size, path) == root
            assert root_by(leaf, index, size, [*path, root]) != root
            assert size == 1 or root_by(leaf, (index + 1) % size, size, path) != root


def test_a_signer_is_a_key_in_a_file_or_a_factory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, key = tmp_path / "key.pem", Ed25519PrivateKey.generate()
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    signer = read_signer(f"2026-11={file}")
    assert signer is not None
    assert (signer.key_id, signer.sign(b"text")) == ("2026-11", key.sign(b"text"))
    (tmp_path / "our_kms.py").write_text(
        "class Kms:\n    key_id, public_key = 'kms-1', bytes(32)\n    def sign(self, data): return bytes(64)\n"
        "def none(): return None\n",
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(tmp_path)
    service = read_signer("our_kms:Kms")
    assert service is not None
    assert service.key_id == "kms-1"
    assert read_signer("") is None
    (tmp_path / "no.pem").write_text("nothing", encoding="utf-8")
    for text, why in {
        "our_kms": "write ID=FILE",
        "our_kms:none": "needs a method `sign`",
        "our_kms:missing": "cannot be loaded: AttributeError",
        f"a b={file}": "write ID=FILE",
        f"k1={tmp_path}/missing.pem": "cannot be read",
        f"k1={tmp_path}/no.pem": "holds no private key",
    }.items():
        with pytest.raises(BadInput, match=why):
            read_signer(text)
