"""Keys by id, as an environment variable carries them, so that they can be changed without a break."""

import base64
import binascii
import re
from collections.abc import Mapping

KEY_SIZE = 32  # bytes
SHORTEST_SECRET = 24  # bytes, as Standard Webhooks asks for
_ID = re.compile(r"[A-Za-z0-9._-]{1,40}")


class BadKeys(ValueError):
    """A text that holds no usable keys; the message says why and never repeats a key."""


class KeyRing:
    """Keys by id. The first one is used for what is made now; all of them for what was made before."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        self._keys = dict(keys)

    @classmethod
    def read(cls, text: str) -> "KeyRing":
        """The keys of a text such as `2025-07=BASE64,2025-01=BASE64`; an empty text holds none. Raises BadKeys."""
        keys: dict[str, bytes] = {}
        for number, part in enumerate(filter(None, (part.strip() for part in text.split(","))), 1):
            key_id, equals, encoded = part.partition("=")
            if not equals or not _ID.fullmatch(key_id):
                raise BadKeys(
                    f"key {number} is not written ID=BASE64, with an id of 1 to 40 letters, digits, dots, hyphens or "
                    "underscores"
                )
            if key_id in keys:
                raise BadKeys(f"the key id {key_id} stands twice")
            try:
                key = base64.b64decode(encoded, validate=True)
            except binascii.Error as error:
                raise BadKeys(f"key {key_id} is not base64") from error
            if len(key) != KEY_SIZE:
                raise BadKeys(f"key {key_id} has {len(key)} bytes and must have {KEY_SIZE}")
            keys[key_id] = key
        return cls(keys)

    def __bool__(self) -> bool:
        return bool(self._keys)

    def __repr__(self) -> str:
        return f"KeyRing({', '.join(self._keys)})"

    @property
    def first(self) -> str:
        """The id of the key for what is made now. Raises LookupError where there is none."""
        return next(iter(self._keys))

    @property
    def keys(self) -> Mapping[str, bytes]:
        """All keys by id, the first one first."""
        return self._keys


def read_secrets(text: str) -> list[str]:
    """One or more secrets, separated by blanks. Raises ValueError with a sentence that repeats none of them."""
    secrets = text.split()
    for number, secret in enumerate(secrets, 1):
        try:
            size = len(binascii.a2b_base64(_padded(secret), strict_mode=True))
        except ValueError as error:
            raise ValueError(f"secret {number} is not base64, such as whsec_...") from error
        if size < SHORTEST_SECRET:
            raise ValueError(f"secret {number} has {size} bytes; at least {SHORTEST_SECRET} are needed")
    return secrets


def _padded(secret: str) -> str:
    bare = secret.removeprefix("whsec_").rstrip("=")
    return bare + "=" * (-len(bare) % 4)
