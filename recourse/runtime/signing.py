"""Signing records: with an Ed25519 key in a file, or through a key service that keeps the key to itself."""

import asyncio
import importlib
import re
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from recourse.errors import BadInput
from recourse.extras import require
from recourse.verify_record import export_text, head_text

_ID = re.compile(r"[A-Za-z0-9._-]{1,40}")
FORM = "write ID=FILE, with an Ed25519 private key in PEM, or package.module:factory"


class BadSigner(BadInput):
    """`RECOURSE_RECORD_SIGNER` cannot be used; the text says why."""


@runtime_checkable
class RecordSigner(Protocol):
    """Signs records with Ed25519. A key service implements it; it is called in a thread and may block.

    `key_id` is new with each key. `public_key` has 32 bytes.
    """

    key_id: str
    public_key: bytes

    def sign(self, data: bytes) -> bytes:
        """The signature of `data`, 64 bytes."""
        ...


class FileSigner:
    """Signs with a private key that this process holds."""

    def __init__(self, key_id: str, key: Any) -> None:
        self.key_id = key_id
        self.public_key: bytes = key.public_key().public_bytes_raw()
        self.sign = key.sign

    @classmethod
    def read(cls, key_id: str, path: str) -> "FileSigner":
        """The signer of a key file. Raises BadSigner, which repeats nothing of the file."""
        require("backend")
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        try:
            key = load_pem_private_key(Path(path).read_bytes(), password=None)
        except OSError as error:
            raise BadSigner(f"RECOURSE_RECORD_SIGNER: {path} cannot be read: {error.strerror}.") from error
        except (ValueError, TypeError) as error:
            raise BadSigner(
                f"RECOURSE_RECORD_SIGNER: {path} holds no private key in PEM without a password."
            ) from error
        if not isinstance(key, Ed25519PrivateKey):
            raise BadSigner(f"RECOURSE_RECORD_SIGNER: the key in {path} is not an Ed25519 key.")
        return cls(key_id, key)


def read_signer(text: str) -> RecordSigner | None:
    """The signer that `RECOURSE_RECORD_SIGNER` names; None: records are not signed. Raises BadSigner."""
    if not text:
        return None
    key_id, equals, path = text.partition("=")
    if equals:
        if not _ID.fullmatch(key_id) or not path:
            raise BadSigner(f"RECOURSE_RECORD_SIGNER: {text!r} is not of a form that can be read: {FORM}.")
        return FileSigner.read(key_id, path)
    module, colon, factory = text.partition(":")
    if not colon:
        raise BadSigner(f"RECOURSE_RECORD_SIGNER: {text!r} is not of a form that can be read: {FORM}.")
    try:
        made = getattr(importlib.import_module(module), factory)()
    # Whatever a foreign module does, the operator reads which one it was.
    except Exception as error:
        raise BadSigner(
            f"RECOURSE_RECORD_SIGNER: {text!r} cannot be loaded: {type(error).__name__}: {error}"
        ) from error
    if not isinstance(made, RecordSigner) or not _ID.fullmatch(made.key_id) or len(made.public_key) != 32:
        raise BadSigner(
            f"RECOURSE_RECORD_SIGNER: what {text} returns needs a method `sign`, a `public_key` of 32 bytes, and a "
            "`key_id` of 1 to 40 letters, digits, dots, hyphens or underscores."
        )
    return made


async def signature(signer: RecordSigner, text: bytes) -> dict[str, str]:
    """A signature as exports have it."""
    signed = await asyncio.to_thread(signer.sign, text)
    return {"key": signer.key_id, "public": signer.public_key.hex(), "signature": signed.hex()}


async def sign_export(document: dict[str, Any], signer: RecordSigner | None) -> dict[str, Any]:
    """The export with the signatures of its head and of itself; without a signer, as it is."""
    if signer is None:
        return document
    sealed = (document["exported_at"], document["seal"])
    signed = await export_signatures(signer, document["order_id"], len(document["entries"]), document["head"], sealed)
    return document | {"signatures": signed}


async def export_signatures(
    signer: RecordSigner, order_id: str, entries: int, head: str, sealed: tuple[str, str]
) -> dict[str, dict[str, str]]:
    """The signatures of an export's head and of itself; `sealed`: when it was exported, and its seal."""
    signed = {"head": head_text(order_id, entries, head), "export": export_text(*sealed)}
    return {part: await signature(signer, text) for part, text in signed.items()}
