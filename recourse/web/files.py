"""Files of evidence: counted and hashed as they come, and checked before anybody gets them."""

import hashlib
import re
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from tempfile import SpooledTemporaryFile
from typing import Any, BinaryIO, Self, cast
from urllib.parse import quote

from starlette.background import BackgroundTask
from starlette.responses import StreamingResponse

from recourse.database.files import (
    EvidenceFile,
    files_of,
    keep_for_a_command,
    note_arrival,
    read_file,
    write_file,
)
from recourse.evidence.kinds import (
    LARGEST,
    SHOWN_LARGEST,
    UnusableFile,
    can_be_shown,
    check_content,
    kind_of_name,
    pieces,
)
from recourse.evidence.store import EvidenceAway, KeptFiles
from recourse.evidence.sweeping import sweep_files
from recourse.resolution.model.record import Reader
from recourse.resolution.model.vocabulary import Party
from recourse.web.access import Site
from recourse.web.problems import Failure, malformed

_IN_MEMORY = 256 * 1024
# With each file that comes, so many go that nobody named.
_SWEPT = 10
_ADDRESS = re.compile(r"/orders/[^/]+/files/([0-9a-f]{32})")
_SAFE = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Received:
    """A file as it comes: its size and hash. No more of it is kept than a file may have; it ends with the block."""

    def __init__(self, name: str = "") -> None:
        self.name, self.size = name, 0
        self._hash = hashlib.sha256()
        self._file = SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - it ends with this object

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def file(self) -> BinaryIO:
        """Its content."""
        return cast(BinaryIO, self._file)

    @property
    def sha256(self) -> str:
        """The hash of what came."""
        return self._hash.hexdigest()

    def write(self, data: bytes) -> int:
        """Take the next piece. Raises EvidenceAway where this server's disk is full."""
        self.size += len(data)
        if self.size <= LARGEST:
            self._hash.update(data)
            try:
                self._file.write(data)
            except OSError as error:
                raise EvidenceAway(f"this server cannot keep a file for a moment: {error.strerror}") from error
        return len(data)

    def close(self) -> None:
        """Let go of it."""
        self._file.close()

    def check(self) -> tuple[str, str, bool]:
        """Its kind, its media type, and whether it can be shown as a picture. Raises UnusableFile."""
        kind = kind_of_name(self.name)
        check_size(self.size)
        check_content(kind, self.file)
        return kind.kind, kind.media_type, can_be_shown(kind, self.file)


def check_size(size: int) -> None:
    """Return where a file may be this large. Raises UnusableFile."""
    if size > LARGEST:
        raise UnusableFile(f"It is larger than {SHOWN_LARGEST}. Send a smaller file, or a part of it.")
    if size <= 0:
        raise UnusableFile("It is empty.")


def the_store(site: Site) -> KeptFiles:
    """Where this marketplace keeps files. Raises Failure (404)."""
    if site.files is None:
        why = "Keep the file elsewhere, and add its address and SHA-256 as evidence."
        raise Failure(404, "no_evidence_store", "This marketplace keeps no files.", detail=why)
    return site.files


def unusable(error: UnusableFile) -> Failure:
    """A file that is not taken."""
    return Failure(422, "unusable_file", "This file is not taken.", detail=str(error))


def address_of(file: EvidenceFile) -> str:
    """The address by which evidence names the file: a path of this very API, behind whatever host."""
    return f"/orders/{quote(file.order_id, safe='')}/files/{file.file_id}"


def id_in_address(address: Any) -> str | None:
    """The id of the file that an address of ours leads to; None: it leads elsewhere."""
    found = _ADDRESS.fullmatch(address) if isinstance(address, str) else None
    return found[1] if found else None


async def keep(site: Site, order_id: str, party: Party, received: Received, *, file_id: str = "") -> EvidenceFile:
    """Put a file into the store. With the same `file_id` and content it is the same file once more.

    Raises UnusableFile, EvidenceAway.
    """
    store, (_, media_type, shown) = the_store(site), received.check()
    file = await announce(site, order_id, party, received.name, media_type, received.size, received.sha256, file_id)
    await store.put(file.file_id, received.file, received.sha256, media_type)
    await note_arrival(site.recourse.pool, file.file_id, shown=shown)
    # What is due of others' can wait for the next file, where the store is away now.
    with suppress(EvidenceAway):
        await sweep_files(site.recourse.pool, store, _SWEPT)
    return await _found(site, order_id, file.file_id)


async def announce(
    site: Site, order_id: str, party: Party, name: str, media_type: str, size: int, sha256: str, file_id: str = ""
) -> EvidenceFile:
    """Note a file that is to come. Raises UnusableFile."""
    file_id, pool = file_id or secrets.token_hex(16), site.recourse.pool
    if not await write_file(pool, file_id, order_id, party, name, media_type, size, sha256):
        raise UnusableFile("There are as many files of yours with this order as there can be.")
    file = await _found(site, order_id, file_id)
    if (file.role, file.sha256) != (party, sha256):
        raise UnusableFile("Another file was sent with this form. Open the page again, and choose the files anew.")
    return file


async def arrived(site: Site, file: EvidenceFile) -> EvidenceFile:
    """Check a file that its party put into the store itself. One that is not what was announced is deleted.

    Raises UnusableFile, EvidenceAway.
    """
    store = the_store(site)
    with Received(file.name) as received:
        try:
            await store.get(file.file_id, received)
        except FileNotFoundError:
            raise UnusableFile("It has not arrived. Put it to the address first.") from None
        try:
            _, _, shown = received.check()
            if received.sha256 != file.sha256:
                raise UnusableFile(f"Its SHA-256 is {received.sha256}, and not the one that was announced.")
        except UnusableFile:
            await store.delete(file.file_id)
            raise
    await note_arrival(site.recourse.pool, file.file_id, shown=shown)
    return await _found(site, file.order_id, file.file_id)


async def _found(site: Site, order_id: str, file_id: str) -> EvidenceFile:
    file = await read_file(site.recourse.pool, order_id, file_id)
    if file is None:
        raise no_such_file()
    return file


def no_such_file() -> Failure:
    """No such file, or none that the reader may know of."""
    return Failure(404, "no_such_file", "There is no such file.", detail="It may have been erased.")


async def readable(site: Site, order_id: str, reader: Reader) -> list[EvidenceFile]:
    """The files of an order that a reader may read: what the record names, and a party's own."""
    return [file for file in await files_of(site.recourse.pool, order_id) if _may_read(file, reader)]


def _may_read(file: EvidenceFile, reader: Reader) -> bool:
    return file.arrived_at is not None and (file.named or file.role == reader)


async def own_file(site: Site, order_id: str, file_id: str, party: str) -> EvidenceFile:
    """A file that this party announced. Raises Failure (404)."""
    file = await read_file(site.recourse.pool, order_id, file_id)
    if file is None or file.role != party:
        raise no_such_file()
    return file


async def give_out(site: Site, order_id: str, file_id: str, reader: Reader) -> StreamingResponse:
    """The content of a file, once its hash was found to be right. Raises Failure (404, 409), EvidenceAway."""
    store = the_store(site)
    file = await read_file(site.recourse.pool, order_id, file_id)
    if file is None or not _may_read(file, reader):
        raise no_such_file()
    received = Received(file.name)
    try:
        try:
            await store.get(file.file_id, received)
        except FileNotFoundError:
            raise _changed("It is not in the store any more.") from None
        if received.sha256 != file.sha256:
            raise _changed("Its content is not what was uploaded, so it proves nothing.")
    except BaseException:
        received.close()
        raise
    headers = {
        **_SAFE,
        "Content-Length": str(received.size),
        "Content-Disposition": f"attachment; filename*=utf-8''{quote(file.name, safe='')}",
    }

    async def content() -> AsyncIterator[bytes]:
        for piece in pieces(received.file):
            yield piece

    media_type = "text/plain; charset=utf-8" if file.media_type == "text/plain" else file.media_type
    return StreamingResponse(
        content(), media_type=media_type, headers=headers, background=BackgroundTask(received.close)
    )


def _changed(why: str) -> Failure:
    return Failure(409, "file_changed", "This file is not what it was.", detail=why)


async def check_named(site: Site, order_id: str, role: str, message: Mapping[str, Any]) -> None:
    """Return where a command names no file of ours, or one that is there, its sender's and of this hash.

    Raises Failure (422).
    """
    file_id = id_in_address(message.get("address"))
    if site.files is None or file_id is None:
        return
    file = await read_file(site.recourse.pool, order_id, file_id)
    if file is None or file.role != role or file.arrived_at is None or address_of(file) != message["address"]:
        raise malformed(address="names no file that this party has uploaded to this order")
    if file.sha256 != message.get("sha256"):
        raise malformed(sha256="is not the hash of the file that `address` names")
    await keep_for_a_command(site.recourse.pool, file_id)
