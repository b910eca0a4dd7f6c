"""The port to the place where files of evidence are kept, and which one a setting names."""

import asyncio
import importlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, BinaryIO, Protocol

from recourse.activities.calling import Calls
from recourse.activities.extensions import LONGEST, limits_of
from recourse.activities.providers import TryLater
from recourse.errors import BadInput, Unreachable

FORM = "write folder:/path, s3://bucket/prefix?region=…, or package.module:factory"


class EvidenceAway(Unreachable):
    """The store of evidence files does not answer; the text may name its address, so it is for operators."""


class BadEvidenceStore(BadInput):
    """`RECOURSE_EVIDENCE` cannot be used; the text says why."""


@dataclass(frozen=True)
class UploadAddress:
    """Where a client may put one file: by PUT to `url`, with exactly these headers."""

    url: str
    headers: Mapping[str, str]


class Sink(Protocol):
    """What takes a file's content, piece by piece."""

    def write(self, data: bytes, /) -> int:
        """Take the next piece."""


class EvidenceStore(Protocol):
    """Keeps files under keys of 32 hexadecimal digits. A method may be a coroutine; otherwise it runs in a thread.

    Optional: `upload_address(key, size, sha256, media_type, seconds)`, which returns an `UploadAddress` that takes this
    very file and no other; `concurrency: int` and `timeout: float`, as of a payment provider.
    """

    def put(self, key: str, file: BinaryIO, sha256: str, media_type: str) -> Awaitable[None] | None:
        """Keep a file, or keep it once more. It is there as a whole when this returns, and else not at all."""

    def get(self, key: str, into: Sink) -> Awaitable[None] | None:
        """Write a file's content. Raise FileNotFoundError where there is none under this key."""

    def delete(self, key: str) -> Awaitable[None] | None:
        """Delete a file; to delete what is not there is no error."""


class KeptFiles:
    """A store as this process calls it. Whatever it raises is EvidenceAway, but for a file that is not there."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self._calls = Calls("the evidence store", store)

    @property
    def gives_addresses(self) -> bool:
        """Whether clients can upload past our server."""
        return callable(getattr(self._store, "upload_address", None))

    async def put(self, key: str, file: BinaryIO, sha256: str, media_type: str) -> None:
        """Keep a file. Raises EvidenceAway."""
        file.seek(0)
        await self._call(partial(self._store.put, key, file, sha256), media_type)

    async def get(self, key: str, into: Sink) -> None:
        """Read a file. Raises EvidenceAway, FileNotFoundError."""
        await self._call(partial(self._store.get, key), into, FileNotFoundError)

    async def delete(self, key: str) -> None:
        """Delete a file. Raises EvidenceAway."""
        await self._call(self._store.delete, key)

    async def upload_address(self, key: str, size: int, sha256: str, media_type: str, seconds: int) -> UploadAddress:
        """Where a client may put this file. Raises EvidenceAway."""
        method = partial(self._store.upload_address, key, size, sha256, media_type)
        made: UploadAddress = await self._call(method, seconds)
        return made

    async def _call(self, method: Callable[[Any], Any], argument: Any, *passed: type[Exception]) -> Any:
        try:
            return await self._calls.call(method, argument, asyncio.get_running_loop().time() + LONGEST)
        except passed:
            raise
        except (TimeoutError, TryLater) as error:
            raise EvidenceAway(str(error)) from error
        # Whatever a store raises, its user reads one sentence. The text may name its address, so only logs get it.
        except Exception as error:
            raise EvidenceAway(f"{type(error).__name__}: {error}") from error


def load_store(text: str) -> KeptFiles | None:
    """The store that `RECOURSE_EVIDENCE` names; None: files are kept elsewhere. Raises BadEvidenceStore."""
    if not text:
        return None
    if text.startswith("folder:"):
        from recourse.evidence.folder import Folder

        return KeptFiles(Folder.read(text.removeprefix("folder:")))
    if text.startswith("s3:"):
        from recourse.evidence.bucket import Bucket

        return KeptFiles(Bucket.read(text))
    module, colon, factory = text.partition(":")
    if not colon or "/" in text:
        raise BadEvidenceStore(f"RECOURSE_EVIDENCE: {text!r} is not of a form that can be read: {FORM}.")
    try:
        made = getattr(importlib.import_module(module), factory)()
    # Whatever a foreign module does, the operator reads which one it was.
    except Exception as error:
        why = f"{type(error).__name__}: {error}"
        raise BadEvidenceStore(f"RECOURSE_EVIDENCE: {text!r} cannot be loaded: {why}") from error
    missing = [name for name in ("put", "get", "delete") if not callable(getattr(made, name, None))]
    if missing:
        raise BadEvidenceStore(
            f"RECOURSE_EVIDENCE: {text} returned {type(made).__name__}, which has no method `{missing[0]}`."
        )
    limits_of(made, BadEvidenceStore)
    return KeptFiles(made)
