"""Tokens: who the bearer is, until when, signed by one key of a ring (JWT, HMAC-SHA256).

Any backend that holds a key can make one with any JWT library: header `kid`; claims `aud`, `role`, `sub`, `exp`.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal

import jwt
from pydantic import Field, TypeAdapter, ValidationError

from recourse.resolution.model.order import Id
from recourse.resolution.model.vocabulary import Frozen
from recourse.runtime.actors import LEEWAY

BearerRole = Literal["client", "freelancer", "operator", "service"]
# What a token is for. One in a link that is mailed is no key to the API.
Purpose = Literal["recourse-api", "recourse-sign-in", "recourse-session"]
ALGORITHM = "HS256"
SHORTEST_SECRET = 32  # characters
_KEY_ID = TypeAdapter(Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,40}$")])


class BadToken(Exception):
    """A token that proves nothing; the text says why, and is safe to be shown."""


class Bearer(Frozen):
    """Who a token names: a party or an operator by the marketplace's id, or a backend of the marketplace itself,
    which may start orders and act for others."""

    role: BearerRole
    id: Id


class KeyRing:
    """Secrets by key id. The first one signs; all of them verify, so that keys can be changed without a break."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        if not secrets:
            raise ValueError("is not set: give it as `ID:SECRET`, several with commas, the one that signs first")
        for key_id, secret in secrets.items():
            try:
                _KEY_ID.validate_python(key_id)
            except ValidationError as error:
                raise ValueError("a key id is 1 to 40 letters, digits, dots, hyphens or underscores") from error
            if len(secret) < SHORTEST_SECRET:
                raise ValueError(f"the secret of key {key_id} is shorter than {SHORTEST_SECRET} characters")
        self._secrets = dict(secrets)

    @classmethod
    def read(cls, text: str) -> "KeyRing":
        """The ring of a text such as `2025-07:SECRET,2025-01:OLDER`. Raises ValueError, never with a secret in it."""
        secrets: dict[str, str] = {}
        for part in filter(None, (part.strip() for part in text.split(","))):
            key_id, colon, secret = part.partition(":")
            if not colon:
                raise ValueError("each key is written `ID:SECRET`")
            if key_id in secrets:
                raise ValueError("a key id stands twice")
            secrets[key_id] = secret
        return cls(secrets)

    def sign(self, bearer: Bearer, purpose: Purpose, expires_at: datetime) -> str:
        """A token for `bearer` that is good until `expires_at`."""
        key_id = next(iter(self._secrets))
        claims = {"aud": purpose, "role": bearer.role, "sub": bearer.id, "exp": int(expires_at.timestamp())}
        return jwt.encode(claims, self._secrets[key_id], ALGORITHM, headers={"kid": key_id})

    def read_token(self, token: str, purpose: Purpose) -> Bearer:
        """Who the bearer is. Raises BadToken."""
        try:
            key_id = jwt.get_unverified_header(token).get("kid")
            secret = self._secrets.get(key_id) if isinstance(key_id, str) else None
            if secret is None:
                raise BadToken("The token was signed by no key that is known here.")
            claims = jwt.decode(
                token,
                secret,
                algorithms=[ALGORITHM],
                audience=purpose,
                # When a token was made says nothing of whether it is good.
                options={"require": ["aud", "exp", "sub", "role"], "verify_iat": False},
                leeway=LEEWAY,
            )
            return Bearer(role=claims["role"], id=claims["sub"])
        except jwt.ExpiredSignatureError as error:
            raise BadToken("The token has expired.") from error
        except jwt.InvalidTokenError as error:
            raise BadToken(f"The token cannot be used: {error}.") from error
        except ValidationError as error:
            raise BadToken("The token names nobody: `role` or `sub` cannot be used.") from error
