"""Files of evidence over HTTP: brought, named by a command, and read by those who may read the order."""

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from starlette.requests import ClientDisconnect

import recourse
from recourse.database.pool import connect
from recourse.evidence.kinds import LARGEST
from recourse.evidence.store import KeptFiles
from recourse.evidence.sweeping import sweep_files
from recourse.starter.client import Recourse
from recourse.web import files
from recourse.web.app import make_app
from tests.evidence.conftest import bucket, folder
from tests.evidence.samples import HTML, kept_in, png, sha256, without
from tests.http.conftest import KEYS, Callers, Orders, token
from tests.process.conftest import Marketplace

__all__ = ["bucket", "folder"]
A_DAY_LATER = "UPDATE evidence_files SET kept_until = now() - interval '1 second' WHERE kept_until IS NOT NULL"


@pytest.fixture
def store(folder: KeptFiles) -> KeptFiles:
    """Where the marketplace of a test keeps its files."""
    return folder


@pytest.fixture
async def app(marketplace: Marketplace, dsn: str, store: KeptFiles) -> AsyncIterator[FastAPI]:
    """The application with a store of evidence, and with the rights that a web server has."""
    pool = await connect(f"{dsn}?role=recourse_web")
    try:
        yield make_app(Recourse(marketplace.client, pool, task_queue=marketplace.queue), KEYS, evidence=store)
    finally:
        await pool.close()


class Files:
    """The files of one order."""

    def __init__(self, http: httpx2.AsyncClient, order_id: str) -> None:
        self._http, self.order_id = http, order_id

    async def send(self, role: Any, name: str, content: Any, *, holder: str | None = None, **said: str) -> Any:
        return await self._http.post(
            f"/orders/{self.order_id}/files",
            params={"name": name, **said},
            content=content,
            headers={"Authorization": f"Bearer {token(role, holder)}"},
        )

    async def read(self, role: Any, address: str, holder: str | None = None) -> httpx2.Response:
        return await self._http.get(address, headers={"Authorization": f"Bearer {token(role, holder)}"})


@pytest.fixture
async def of_order(http: httpx2.AsyncClient, order: Orders) -> Files:
    return Files(http, await order())


def evidence(kept: dict[str, Any], **other: str) -> dict[str, str]:
    said = {"title": kept["name"], "kind": kept["kind"], "sha256": kept["sha256"], "address": kept["address"]}
    return {**said, **other}


async def test_a_file_is_brought_named_and_read(by: Callers, of_order: Files) -> None:
    sent = await of_order.send("client", "chat <b>.png", png(), sha256=sha256(png()))
    assert sent.status_code == 201, sent.text
    kept = sent.json()
    assert (kept["kind"], kept["media_type"], kept["size"]) == ("picture", "image/png", len(png()))
    assert (kept["named"], kept["shown"], kept["sha256"]) == (False, True, sha256(png()))
    # Until evidence names it, it is its party's alone.
    for role, there in (("client", 200), ("freelancer", 404), ("operator", 404)):
        assert (await of_order.read(role, kept["address"])).status_code == there
        listed = (await by(role).get(f"/orders/{of_order.order_id}/files")).json()
        assert [one["file_id"] for one in listed] == ([kept["file_id"]] if there == 200 else [])
    assert (await by("client").give(of_order.order_id, "add_evidence", **evidence(kept))).status_code == 200
    for role in ("client", "freelancer", "operator", "service"):
        read = await of_order.read(role, kept["address"])
        assert (read.status_code, read.content) == (200, png())
        assert read.headers["content-type"] == "image/png"
        assert read.headers["content-disposition"] == "attachment; filename*=utf-8''chat%20%3Cb%3E.png"
        assert read.headers["x-content-type-options"] == "nosniff"
        assert read.headers["content-security-policy"] == "default-src 'none'; sandbox"
    for role, holder in (("client", "c-2"), ("freelancer", "f-2"), ("operator", "c-1")):
        assert (await of_order.read(role, kept["address"], holder)).status_code in (404, 409)
    [listed] = (await by("operator").get(f"/orders/{of_order.order_id}/files")).json()
    assert (listed["named"], listed["role"]) == (True, "client")


async def test_the_client_of_python_brings_and_reads_files(http: httpx2.AsyncClient, order: Orders) -> None:
    client, handle = recourse.Client("c-1"), recourse.Recourse(http, token("service")).order(await order())
    kept = await handle.upload(by=client, name="chat.png", content=png())
    named = await handle.add_evidence(
        by=client, title=kept.name, kind=kept.kind, sha256=kept.sha256, address=kept.address
    )
    assert named.applied
    assert [file.file_id for file in await handle.files("freelancer")] == [kept.file_id]
    assert await handle.download("freelancer", kept.file_id) == png()
    with pytest.raises(recourse.CallFailed, match=r"\(422"):
        await handle.upload(by=client, name="chat.png", content=HTML)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("page.html", HTML, "Files of this type are not taken."),
        ("a.png", HTML, "It is called .png, but its content is something else."),
        ("a.png", b"", "It is empty."),
        ("gpj.\u202egnp.png", png(), "Its name cannot be used: it holds a character that nobody can see"),
        (f"{'x' * 5000}.png", png(), "Its name is longer than 200 letters."),
    ],
)
async def test_a_file_that_cannot_be_used_says_why_and_leaves_nothing(
    of_order: Files, tmp_path: Path, pool: Any, name: str, content: bytes, says: str
) -> None:
    refused = await of_order.send("client", name, content)
    assert (refused.status_code, refused.json()["code"]) == (422, "unusable_file")
    assert refused.json()["detail"].startswith(says)
    assert await nothing_kept(pool, tmp_path)


async def nothing_kept(pool: Any, folder: Path) -> bool:
    return not kept_in(folder) and not await pool.fetchval("SELECT count(*) FROM evidence_files")


async def test_nothing_is_kept_of_a_file_that_is_too_large_or_breaks_off_or_has_another_hash(
    of_order: Files, tmp_path: Path, pool: Any
) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 1_000_000
            yield bytes(1_000_000)

    large = await of_order.send("client", "a.zip", endless())
    assert (large.status_code, large.json()["detail"]) == (
        422,
        "It is larger than 25 MB. Send a smaller file, or a part of it.",
    )
    assert sent <= LARGEST + 2_000_000

    async def breaks() -> AsyncIterator[bytes]:
        yield png()
        raise ClientDisconnect

    assert (await of_order.send("client", "a.png", breaks())).status_code == 408
    other = await of_order.send("client", "a.png", png(), sha256="0" * 64)
    assert other.json()["detail"] == f"Its SHA-256 is {sha256(png())}, and not the one that was given."
    assert await nothing_kept(pool, tmp_path)


def test_of_a_file_that_is_too_large_this_server_keeps_no_more_than_a_file_may_have() -> None:
    with files.Received("a.zip") as received:
        for _ in range(27):
            received.write(bytes(1_000_000))
        assert received.size == 27_000_000
        assert received.file.seek(0, 2) <= LARGEST


async def test_only_the_parties_bring_files_to_their_own_orders(by: Callers, of_order: Files) -> None:
    assert (await of_order.send("operator", "a.png", png())).json()["code"] == "forbidden"
    assert (await of_order.send("client", "a.png", png(), holder="c-2")).status_code == 404
    sent = await of_order.send("service", "a.png", png(), **{"as": "freelancer"})
    assert (sent.status_code, sent.json()["role"]) == (201, "freelancer")
    # Another's file is nobody's evidence.
    refused = await by("client").give(of_order.order_id, "add_evidence", **evidence(sent.json()))
    problem = "names no file that this party has uploaded to this order"
    assert (refused.status_code, refused.json()["details"]) == (422, {"problems": {"address": problem}})


async def test_a_command_names_a_file_that_is_there_by_its_own_hash(
    by: Callers, of_order: Files, order: Orders
) -> None:
    kept = (await of_order.send("client", "a.png", png())).json()
    give, other = by("client").give, await order()
    wrong = await give(of_order.order_id, "add_evidence", **evidence(kept, sha256="0" * 64))
    assert wrong.json()["details"]["problems"] == {"sha256": "is not the hash of the file that `address` names"}
    for order_id, address in (
        (of_order.order_id, f"/orders/{of_order.order_id}/files/{'0' * 32}"),
        (of_order.order_id, kept["address"].replace(of_order.order_id, other)),
        (other, kept["address"]),
    ):
        assert (await give(order_id, "add_evidence", **evidence(kept, address=address))).status_code == 422
    # What is kept elsewhere is named as ever.
    elsewhere = evidence(kept, address="https://files.example/7")
    assert (await give(of_order.order_id, "add_evidence", **elsewhere)).status_code == 200


async def test_a_file_that_no_command_names_within_a_day_goes(
    by: Callers, of_order: Files, store: KeptFiles, tmp_path: Path, pool: Any, dsn: str
) -> None:
    unnamed = (await of_order.send("client", "a.png", png())).json()
    named = (await of_order.send("client", "b.png", png())).json()
    await by("client").give(of_order.order_id, "add_evidence", **evidence(named))
    assert await sweep_files(pool, store, 100) == 0
    await pool.execute(A_DAY_LATER)
    # The next file sweeps, by a web server's own rights.
    assert (await of_order.send("freelancer", "c.png", png())).status_code == 201
    assert (await of_order.read("client", unnamed["address"])).json()["code"] == "no_such_file"
    assert (await of_order.read("operator", named["address"])).content == png()
    assert len(kept_in(tmp_path)) == 2
    # For good: the record names it.
    assert await pool.fetchval("SELECT kept_until IS NULL FROM evidence_files WHERE id = $1", named["file_id"])


async def test_a_file_that_somebody_changed_in_the_store_is_given_to_nobody(
    of_order: Files, store: KeptFiles, tmp_path: Path
) -> None:
    kept = (await of_order.send("client", "a.png", png())).json()
    [place] = kept_in(tmp_path)
    place.write_bytes(png(3, 3))
    read = await of_order.read("client", kept["address"])
    assert (read.status_code, read.json()["code"]) == (409, "file_changed")
    await store.delete(kept["file_id"])
    assert (await of_order.read("client", kept["address"])).json()["code"] == "file_changed"


async def test_a_store_that_is_away_is_said_and_nothing_is_named(
    by: Callers, of_order: Files, tmp_path: Path, pool: Any
) -> None:
    kept = (await of_order.send("client", "a.png", png())).json()
    with without(tmp_path):
        for answer in (await of_order.send("client", "b.png", png()), await of_order.read("client", kept["address"])):
            assert (answer.status_code, answer.json()["code"]) == (503, "store_unreachable")
            assert str(tmp_path) not in answer.text
        assert len((await by("client").get(f"/orders/{of_order.order_id}/files")).json()) == 1
    assert (await of_order.send("client", "b.png", png())).status_code == 201


async def test_a_server_whose_disk_is_full_says_so(of_order: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        def write(self, data: bytes) -> int:
            raise OSError(28, "No space left on device")

        def close(self) -> None:
            pass

    monkeypatch.setattr(files, "SpooledTemporaryFile", lambda size: Full())
    answer = await of_order.send("client", "a.png", png())
    assert (answer.status_code, answer.json()["code"]) == (503, "store_unreachable")


async def test_a_party_brings_so_many_files_and_no_more(of_order: Files, pool: Any) -> None:
    await of_order.send("client", "a.png", png())
    await pool.execute(
        "INSERT INTO evidence_files (id, order_id, role, name, media_type, size, sha256) "
        "SELECT md5(n::text), order_id, role, name, media_type, size, sha256 "
        "FROM evidence_files, generate_series(1, 99) AS n"
    )
    refused = await of_order.send("client", "b.png", png())
    assert refused.json()["detail"] == "There are as many files of yours with this order as there can be."
    assert (await of_order.send("freelancer", "b.png", png())).status_code == 201


async def test_a_marketplace_without_a_store_takes_references_alone(
    app: FastAPI, http: httpx2.AsyncClient, of_order: Files, by: Callers
) -> None:
    elsewhere = httpx2.ASGITransport(make_app(app.state.site.recourse, KEYS))
    async with httpx2.AsyncClient(transport=elsewhere, base_url="http://recourse.test") as without:
        sent = await Files(without, of_order.order_id).send("client", "a.png", png())
        assert (sent.status_code, sent.json()["code"]) == (404, "no_evidence_store")
        read = await Files(without, of_order.order_id).read("client", f"/orders/{of_order.order_id}/files/{'0' * 32}")
        assert (read.status_code, read.json()["code"]) == (404, "no_evidence_store")
    asked = await by("client").post(
        f"/orders/{of_order.order_id}/files/uploads", {"name": "a.png", "size": 1, "sha256": "0" * 64}
    )
    assert (asked.status_code, asked.json()["code"]) == (403, "forbidden")


class TestPastOurServer:
    """With a store that gives addresses, here a bucket on an S3 server."""

    @pytest.fixture
    def store(self, bucket: KeptFiles) -> KeptFiles:
        return bucket

    async def test_a_file_is_put_to_its_address_and_checked(self, by: Callers, of_order: Files) -> None:
        place = f"/orders/{of_order.order_id}/files"
        said = {"name": "chat.png", "size": len(png()), "sha256": sha256(png())}
        asked = await by("client").post(f"{place}/uploads", said)
        assert asked.status_code == 201, asked.text
        made, arrived = asked.json(), f"{place}/{asked.json()['file']['file_id']}/arrived"
        early = await by("client").post(arrived)
        assert early.json()["detail"] == "It has not arrived. Put it to the address first."
        async with httpx2.AsyncClient() as outside:
            put = await outside.request(made["method"], made["url"], content=png(), headers=made["headers"])
            assert put.status_code == 200
        # Not before its hash is checked.
        named = evidence(made["file"])
        assert (await by("client").give(of_order.order_id, "add_evidence", **named)).status_code == 422
        assert (await by("freelancer").post(arrived)).status_code == 404
        kept = await by("client").post(arrived)
        assert (kept.status_code, kept.json()["shown"]) == (200, True)
        assert (await by("client").give(of_order.order_id, "add_evidence", **named)).status_code == 200
        assert (await of_order.read("operator", made["file"]["address"])).content == png()

    async def test_what_is_not_what_was_announced_is_deleted(
        self, by: Callers, of_order: Files, store: KeptFiles
    ) -> None:
        place = f"/orders/{of_order.order_id}/files"
        for content, digest, says in (
            (HTML, hashlib.sha256(HTML).hexdigest(), "It is called .png, but its content is something else."),
            (png(), "0" * 64, f"Its SHA-256 is {sha256(png())}, and not the one that was announced."),
        ):
            said = {"name": "a.png", "size": len(content), "sha256": digest}
            made = (await by("client").post(f"{place}/uploads", said)).json()["file"]
            with files.Received() as received:
                received.write(content)
                # By somebody who can write to the bucket: the address itself takes no such file.
                await store.put(made["file_id"], received.file, sha256(content), "image/png")
            refused = await by("client").post(f"{place}/{made['file_id']}/arrived")
            assert (refused.status_code, refused.json()["detail"]) == (422, says)
            again = await by("client").post(f"{place}/{made['file_id']}/arrived")
            assert again.json()["detail"] == "It has not arrived. Put it to the address first."

    @pytest.mark.parametrize(("size", "says"), [(LARGEST + 1, "It is larger than 25 MB."), (0, "It is empty.")])
    async def test_no_address_is_given_for_what_would_not_be_taken(
        self, by: Callers, of_order: Files, size: int, says: str
    ) -> None:
        said = {"name": "a.png", "size": size, "sha256": "0" * 64}
        refused = await by("client").post(f"/orders/{of_order.order_id}/files/uploads", said)
        assert (refused.status_code, refused.json()["detail"][: len(says)]) == (422, says)
