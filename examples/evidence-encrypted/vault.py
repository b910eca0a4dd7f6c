"""Files of evidence in a folder, encrypted with a key of your own.

Web servers and `recourse privacy` need this file on their PYTHONPATH, and three variables:

    RECOURSE_EVIDENCE="vault:Vault"
    VAULT_FOLDER=/srv/evidence
    VAULT_KEY="$(openssl rand -base64 32)"
"""

import base64
import os
from pathlib import Path
from typing import BinaryIO

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from recourse.ports import Sink


class Vault:
    """Keeps each file under its key. Recourse calls it in a thread, so it may block."""

    def __init__(self) -> None:
        self._folder = Path(os.environ["VAULT_FOLDER"])
        self._cipher = AESGCM(base64.b64decode(os.environ["VAULT_KEY"]))

    def put(self, key: str, file: BinaryIO, sha256: str, media_type: str) -> None:
        """Keep a file. It gets its name once it is whole, so that nobody reads a part of it."""
        nonce, part = os.urandom(12), self._folder / f"{key}.{os.urandom(4).hex()}"
        part.write_bytes(nonce + self._cipher.encrypt(nonce, file.read(), key.encode()))
        part.replace(self._folder / key)

    def get(self, key: str, into: Sink) -> None:
        """Write a file's content. Where there is no such file, this raises FileNotFoundError."""
        sealed = (self._folder / key).read_bytes()
        into.write(self._cipher.decrypt(sealed[:12], sealed[12:], key.encode()))

    def delete(self, key: str) -> None:
        """Delete a file."""
        (self._folder / key).unlink(missing_ok=True)
