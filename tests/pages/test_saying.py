"""A message and its files: written on the page of the order, sent at once, and shown there."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from recourse.database.pool import connect
from recourse.evidence.kinds import LARGEST
from recourse.evidence.store import KeptFiles
from recourse.starter.client import Recourse
from recourse.web.app import make_app
from tests.evidence.conftest import folder
from tests.evidence.samples import HTML, kept_in, png, sha256, without
from tests.http.conftest import KEYS, Orders
from tests.pages.conftest import Visitor, Visitors
from tests.process.conftest import Marketplace

__all__ = ["folder"]


@pytest.fixture
async def app(marketplace: Marketplace, dsn: str, folder: KeptFiles) -> AsyncIterator[FastAPI]:
    """The application with a store of evidence."""
    pool = await connect(f"{dsn}?role=recourse_web")
    try:
        yield make_app(Recourse(marketplace.client, pool, task_queue=marketplace.queue), KEYS, evidence=folder)
    finally:
        await pool.close()


async def send(visitor: Visitor, *files: tuple[str, bytes], **typed: Any) -> httpx2.Response:
    """Fill in the last form of the page and send it with files, as a browser without scripts does."""
    action, fields = visitor.fields("/message")
    # A field in which no file was chosen is sent with an empty name.
    parts: list[Any] = [("files", one) for one in files] or [("files", ("", b"", "application/octet-stream"))]
    for name, value in {**{name: values[0] for name, values in fields.items() if name != "files"}, **typed}.items():
        parts += [(name, (None, one)) for one in (value if isinstance(value, list) else [value])]
    visitor.answer = await visitor.http.post(action, files=parts, follow_redirects=True)
    return visitor.answer


async def files_in(page: Visitor) -> list[str]:
    return sorted(set(re.findall(r'href="(/pages/orders/[^"]+/files/[0-9a-f]+)"', page.text)))


async def test_a_message_takes_one_page_and_stands_at_the_end_of_the_story(visitor: Visitors, order: Orders) -> None:
    client, order_id = await visitor("client"), await order()
    await client.open(f"orders/{order_id}")
    sent = await send(client, comment="When will it be ready?")
    assert (sent.status_code, sent.url.fragment, len(sent.history)) == (200, "latest", 1)
    assert client.words.count("When will it be ready?") == 1
    assert client.text.index('id="latest"') < client.text.index("When will it be ready?")
    # Also as a form without files, and for the other side to read.
    await client.submit(comment="And <b>how</b>?")
    freelancer = await visitor("freelancer")
    await freelancer.open(f"orders/{order_id}")
    assert "And <b>how</b>?" in freelancer.words
    operator = await visitor("operator")
    await operator.open(f"orders/{order_id}")
    assert "/message" not in operator.text


async def test_a_message_that_is_sent_twice_is_one(visitor: Visitors, order: Orders, tmp_path: Path) -> None:
    client, order_id = await visitor("client"), await order()
    await client.open(f"orders/{order_id}")
    page = client.answer
    for _ in range(2):
        client.answer = page
        await send(client, ("chat.png", png()), comment="Only once.")
    assert client.words.count("Only once.") == 1
    assert len(await files_in(client)) == len(kept_in(tmp_path)) == 1


async def test_files_are_shown_with_the_story_and_as_evidence(visitor: Visitors, order: Orders) -> None:
    client, order_id = await visitor("client"), await order()
    await client.open(f"orders/{order_id}")
    hashes = [sha256(png()), sha256(HTML)]
    await send(client, ("chat <b>.png", png()), ("notes.txt", HTML), comment="See these.", sha256=hashes)
    operator = await visitor("operator")
    await operator.open(f"orders/{order_id}")
    for words in ("See these.", "chat <b>.png", "notes.txt", f"SHA-256 {sha256(png())}", "1 kB", "Evidence"):
        assert words in operator.words
    # Only pictures of a safe type are shown, in the story and beside it.
    shown = re.findall(r'<img class="thumb" src="([^"]+)"', operator.text)
    files = await files_in(operator)
    assert (len(shown), len(set(shown)), len(files)) == (2, 1, 2)
    for file in files:
        read = await operator.http.get(file)
        assert read.headers["content-disposition"].startswith("attachment; filename*=utf-8''")
        assert read.headers["content-type"] in ("image/png", "text/plain; charset=utf-8")
        assert "default-src 'none'; sandbox" in read.headers.get_list("content-security-policy")
        assert read.content in (png(), HTML)
    stranger = await visitor("client", "c-2")
    assert (await stranger.open(files[0].removeprefix("/pages/"))).status_code == 404


@pytest.mark.parametrize(
    ("file", "says"),
    [
        (("page.html", HTML), "page.html: Files of this type are not taken."),
        (("drawing.png", b"<svg/>"), "drawing.png: It is called .png, but its content is something else."),
        (("empty.png", b""), "empty.png: It is empty."),
        ((f"{'x' * 5000}.png", png()), f"{'x' * 80}: Its name is longer than 200 letters."),
        (("gpj.\u202egnp.png", png()), "Its name cannot be used: it holds a character that nobody can see"),
    ],
)
async def test_what_was_typed_stays_and_what_is_wrong_stands_beside_the_field(
    visitor: Visitors, order: Orders, tmp_path: Path, file: tuple[str, bytes], says: str
) -> None:
    client, order_id = await visitor("client"), await order()
    await client.open(f"orders/{order_id}")
    refused = await send(client, ("fine.png", png()), file, comment="Look at <this>.")
    assert refused.status_code == 422
    assert says in client.words
    assert 'id="files-wrong"' in client.text
    assert client.fields()[1]["comment"] == ["Look at <this>."]
    assert kept_in(tmp_path) == []
    await send(client, ("fine.png", png()))
    assert "Look at <this>." in client.words


async def test_a_file_that_is_too_large_or_arrived_as_another_is_refused_beside_the_field(
    visitor: Visitors, order: Orders, tmp_path: Path
) -> None:
    client, order_id = await visitor("client"), await order()
    await client.open(f"orders/{order_id}")
    await send(client, ("all.zip", b"PK\x03\x04" + bytes(LARGEST)), comment="All of it.")
    assert client.answer.status_code == 422
    assert "all.zip: It is larger than 25 MB. Send a smaller file, or a part of it." in client.words
    await send(client, ("a.png", png()), sha256="0" * 64)
    assert "a.png: It did not arrive as it was sent. Send it again." in client.words
    await client.open(f"orders/{order_id}/message")
    await send(client)
    assert "Write something here, or choose a file." in client.words
    assert kept_in(tmp_path) == []


async def test_nothing_is_sent_while_files_cannot_be_kept(visitor: Visitors, order: Orders, tmp_path: Path) -> None:
    client, order_id = await visitor("client"), await order()
    await client.open(f"orders/{order_id}")
    with without(tmp_path):
        away = await send(client, ("a.png", png()), comment="With a file.")
    assert away.status_code == 503
    assert "Files cannot be kept at the moment, so nothing was sent." in client.words
    assert client.fields()[1]["comment"][0].strip() == "With a file."
    await send(client, ("a.png", png()))
    assert (client.answer.status_code, client.words.count("With a file.")) == (200, 1)


async def test_a_file_whose_hash_is_not_the_one_on_record_is_not_shown_as_evidence(
    marketplace: Marketplace, visitor: Visitors, order: Orders
) -> None:
    client, order_id = await visitor("client"), await order()
    await client.open(f"orders/{order_id}")
    await send(client, ("a.png", png()))
    [file] = await files_in(client)
    # By a program that sends commands past our servers.
    said = {"title": "b.png", "kind": "picture", "sha256": "0" * 64, "address": file.removeprefix("/pages")}
    assert (await marketplace.by("client", order_id, "add_evidence", **said)).applied
    await client.open(f"orders/{order_id}")
    story = client.text.partition('id="timeline"')[2]
    assert (story.count(f'href="{file}"'), f"SHA-256 {'0' * 64}" in client.words) == (1, True)


async def test_a_form_that_is_none_is_refused(visitor: Visitors, order: Orders) -> None:
    client, order_id = await visitor("client"), await order()
    await client.open(f"orders/{order_id}")
    action, fields = client.fields("/message")
    kinds = {"Content-Type": "multipart/form-data; boundary=x"}
    for body in (b"", b"no form", b"--x\r\nContent-Disposition: form-data; name=comment\r\n\r\nHello"):
        broken = await client.http.post(action, content=body, headers=kinds)
        assert broken.status_code in (403, 422), broken.text
    many: list[Any] = [("files", (f"{number}.png", png())) for number in range(11)]
    data = {name: values[0] for name, values in fields.items()}
    assert (await client.http.post(action, data=data, files=many)).status_code == 422
    foreign = {**data, "proof": "0" * 64}
    assert (await client.http.post(action, data=foreign, files=many[:1])).status_code == 403


async def test_without_a_store_a_message_is_as_quick_and_evidence_is_a_reference(
    visitor: Visitors, app: FastAPI, order: Orders
) -> None:
    client, order_id = await visitor("client", to=make_app(app.state.site.recourse, KEYS)), await order()
    await client.open(f"orders/{order_id}")
    assert 'type="file"' not in client.text
    assert f"orders/{order_id}/add-evidence" in client.text
    await client.submit(comment="Hello.")
    assert (client.answer.status_code, client.words.count("Hello.")) == (200, 1)
    await send(client, ("a.png", png()), comment="With a file.")
    assert "This marketplace keeps no files. Send the message without them." in client.words


async def test_a_long_text_is_folded_and_there_as_a_whole(visitor: Visitors, order: Orders) -> None:
    client, order_id = await visitor("client"), await order()
    await client.open(f"orders/{order_id}")
    await send(client, comment=f"{'long ' * 1000}end")
    assert re.search(
        r'<div class="long">\s*<details><summary>.*?</details>\s*<blockquote dir="auto">long ', client.text
    )
    assert "long end" in client.words
    await send(client, comment="short")
    assert client.text.count("<details") == 1
