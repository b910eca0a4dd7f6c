"""Tokens: who the bearer is, until when, signed by one key of a ring (JWT, HMAC-SHA256).

Any backend that holds a key can make one with any JWT library: header `kid`; claims `aud`, `role`, `sub`, `exp`, and
`jti`, by which it can be ended before it expires.
"""

import secrets
from datetime import UTC, datetime, timedelta
from typing import Literal

import jwt
from pydantic import Field, ValidationError

from recourse.resolution.model.terms import Id
from recourse.resolution.model.vocabulary import Frozen
from recourse.runtime.actors import ALGORITHM, LEEWAY
from recourse.runtime.keys import KeyRing

BearerRole = Literal["client", "freelancer", "operator", "service"]
# What a token is for. One in a link that is mailed is no key to the API.
Purpose = Literal["recourse-api", "recourse-sign-in", "recourse-mail", "recourse-session"]

# For as long as clocks may differ, and more, after a token has expired, it is known that it was ended.
GRACE = timedelta(hours=1)
_LATEST = int(datetime(9999, 1, 1, tzinfo=UTC).timestamp())


class BadToken(Exception):
    """A token that proves nothing; the text says why, and is safe to be shown."""


class Expired(BadToken):
    """A token that was good."""


class Bearer(Frozen):
    """Who a token names: a party or an operator by the marketplace's id, or a backend of the marketplace itself,
    which may start orders and act for others."""

    role: BearerRole
    id: Id


class Token(Frozen):
    """What a token says. `id` is its own, empty where it has none."""

    bearer: Bearer
    id: str = Field(max_length=200, pattern=r"^[^\x00]*$")
    expires_at: datetime


def new_id() -> str:
    """An id for a token or a session."""
    return secrets.token_urlsafe(12)


def sign_token(
    keys: KeyRing, bearer: Bearer, purpose: Purpose, expires_at: datetime, token_id: str | None = None
) -> str:
    """A token for `bearer` that is good until `expires_at`; only one with an id can be ended before."""
    claims = {"aud": purpose, "role": bearer.role, "sub": bearer.id, "exp": int(expires_at.timestamp())}
    if token_id is not None:
        claims["jti"] = token_id
    return jwt.encode(claims, keys.keys[keys.first], ALGORITHM, headers={"kid": keys.first})


def read_token(keys: KeyRing, token: str, purpose: Purpose) -> Token:
    """What a token that is good says. Raises BadToken."""
    try:
        key_id = jwt.get_unverified_header(token).get("kid")
        secret = keys.keys.get(key_id) if isinstance(key_id, str) else None
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
        return Token(
            bearer=Bearer(role=claims["role"], id=claims["sub"]),
            id=claims.get("jti", ""),
            expires_at=datetime.fromtimestamp(min(int(claims["exp"]), _LATEST), UTC),
        )
    except jwt.ExpiredSignatureError as error:
        raise Expired("The token has expired.") from error
    except jwt.InvalidTokenError as error:
        raise BadToken(f"The token cannot be used: {error}.") from error
    except ValidationError as error:
        raise BadToken("The token names nobody: `role`, `sub` or `jti` cannot be used.") from error
