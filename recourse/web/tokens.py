"""Tokens: who the bearer is, until when, signed by one key of a ring (JWT, HMAC-SHA256).

Any backend that holds a key can make one with any JWT library: header `kid`; claims `aud`, `role`, `sub`, `exp`.
"""

from datetime import datetime
from typing import Literal

import jwt
from pydantic import ValidationError

from recourse.resolution.model.order import Id
from recourse.resolution.model.vocabulary import Frozen
from recourse.runtime.actors import ALGORITHM, LEEWAY
from recourse.runtime.keys import KeyRing

BearerRole = Literal["client", "freelancer", "operator", "service"]
# What a token is for. One in a link that is mailed is no key to the API.
Purpose = Literal["recourse-api", "recourse-sign-in", "recourse-session"]


class BadToken(Exception):
    """A token that proves nothing; the text says why, and is safe to be shown."""


class Bearer(Frozen):
    """Who a token names: a party or an operator by the marketplace's id, or a backend of the marketplace itself,
    which may start orders and act for others."""

    role: BearerRole
    id: Id


def sign_token(keys: KeyRing, bearer: Bearer, purpose: Purpose, expires_at: datetime) -> str:
    """A token for `bearer` that is good until `expires_at`."""
    claims = {"aud": purpose, "role": bearer.role, "sub": bearer.id, "exp": int(expires_at.timestamp())}
    return jwt.encode(claims, keys.keys[keys.first], ALGORITHM, headers={"kid": keys.first})


def read_token(keys: KeyRing, token: str, purpose: Purpose) -> Bearer:
    """Who the bearer is. Raises BadToken."""
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
        return Bearer(role=claims["role"], id=claims["sub"])
    except jwt.ExpiredSignatureError as error:
        raise BadToken("The token has expired.") from error
    except jwt.InvalidTokenError as error:
        raise BadToken(f"The token cannot be used: {error}.") from error
    except ValidationError as error:
        raise BadToken("The token names nobody: `role` or `sub` cannot be used.") from error
