"""Proof of who gives which command: a JWT (HMAC-SHA256) that the marketplace signs for one message.

Where RECOURSE_ACTOR_KEYS is set, a command carries it as `actor_token`, and one whose token is missing, or was signed
for anything else, is refused. Header `kid`; claims `aud` (`recourse-actor`), `role` and `sub` (the actor's role and
id), `cmd` (the command's name), `body` (the digest of the message without its token), `workflow` (such as `order-17`),
`exp`, and `stamps` (true: who signs also vouches for `sent_at`). A token with `workflow` needs no `exp`: the
`command_id`, which the digest covers, makes it good for one command only.
"""

import base64
import hashlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import ValidationError
from pydantic_core import to_jsonable_python
from temporalio.api.common.v1 import Payload
from temporalio.client import (
    Interceptor,
    OutboundInterceptor,
    SignalWorkflowInput,
    StartWorkflowInput,
    StartWorkflowUpdateInput,
    StartWorkflowUpdateWithStartInput,
    UpdateWithStartStartWorkflowInput,
    WorkflowHandle,
    WorkflowUpdateHandle,
)

from recourse.extras import require
from recourse.resolution.model.data_version import NeedsNewerBuild
from recourse.resolution.model.order import Opening, read_opening, write_opening
from recourse.runtime.keys import KeyRing
from recourse.runtime.names import ORDER, TOKEN, workflow_id

Disproof = Literal["no_token", "bad_token", "not_now", "not_this", "no_id"]
# "unstamped": it comes from whom it names, but nobody who may say so vouches for `sent_at`.
Judgment = Disproof | Literal["unstamped"]
AUDIENCE, START_AUDIENCE = "recourse-actor", "recourse-start"
# The header in which the start of an order carries its token.
START_HEADER = "recourse-start"
ALGORITHM = "HS256"
# What the clocks of two machines may differ by: who signs and who checks.
LEEWAY = timedelta(minutes=1)
# When a token is good is decided by the order's own time, below.
_OPTIONS: Any = {
    "require": ["aud", "role", "sub", "cmd", "body"],
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
}


def digest(message: Mapping[str, Any]) -> str:
    """By what a message is known: the SHA-256 of its RFC 8785 JSON without the token, as base64url without padding.

    Raises ValueError for a message that has no such form, such as one with a number of more than 15 digits.
    """
    import rfc8785

    said = to_jsonable_python({name: value for name, value in message.items() if name != TOKEN})
    found = hashlib.sha256(rfc8785.dumps(said)).digest()
    return base64.urlsafe_b64encode(found).rstrip(b"=").decode()


@dataclass(frozen=True)
class Actors:
    """Makes tokens with the first key of a ring and checks them with all of them."""

    keys: KeyRing

    def __post_init__(self) -> None:
        require("backend")
        # Loaded now, so that no workflow loads it.
        import jwt  # noqa: F401
        import rfc8785  # noqa: F401

    def sign(
        self,
        command: str,
        message: Mapping[str, Any],
        *,
        workflow_id: str | None = None,
        expires_at: datetime | None = None,
        stamps: bool = False,
    ) -> str:
        """The token for one message. Raises ValueError for one that would never end or cannot be signed."""
        import jwt

        if expires_at is None and workflow_id is None:
            raise ValueError("a token that is not for one order must expire")
        actor = message["actor"]
        claims = {
            "aud": AUDIENCE,
            "role": actor["role"],
            "sub": actor["id"],
            "cmd": command,
            "body": digest(message),
            "workflow": workflow_id,
            "command_id": message.get("command_id"),
            "exp": int(expires_at.timestamp()) if expires_at else None,
            "stamps": stamps or None,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(claims, self.keys.keys[self.keys.first], ALGORITHM, headers={"kid": self.keys.first})

    def sign_start(self, opening: Opening) -> str:
        """The token for the start of one order, with this opening."""
        import jwt

        claims = {
            "aud": START_AUDIENCE,
            "workflow": workflow_id(opening.terms.order_id),
            "body": digest(write_opening(opening, defaults=False)),
        }
        return jwt.encode(claims, self.keys.keys[self.keys.first], ALGORITHM, headers={"kid": self.keys.first})

    def prove_start(self, opening: Opening, token: str | None, workflow_id: str) -> bool:
        """Whether the workflow of this id may start with this opening."""
        import jwt

        try:
            key_id = jwt.get_unverified_header(token or "").get("kid")
            claims = jwt.decode(
                token or "", self.keys.keys[str(key_id)], algorithms=[ALGORITHM], audience=START_AUDIENCE
            )
            body = digest(write_opening(opening, defaults=False))
        except Exception:  # noqa: BLE001 - whatever a token holds, it must not wedge the order
            return False
        return (claims.get("workflow"), claims.get("body")) == (workflow_id, body)

    def judge(self, command: str, message: Mapping[str, Any], workflow_id: str, now: datetime) -> Judgment | None:
        """Why a message does not come from the actor that it names, or not at the time that it says; None: it does."""
        import jwt

        token = message.get(TOKEN)
        if token is None:
            return "no_token"
        try:
            key_id = jwt.get_unverified_header(token).get("kid")
            claims = jwt.decode(
                token, self.keys.keys[str(key_id)], algorithms=[ALGORITHM], audience=AUDIENCE, options=_OPTIONS
            )
            begins, ends = claims.get("nbf", 0), claims.get("exp")
            early = int(begins) > (now + LEEWAY).timestamp()
            late = ends is not None and int(ends) <= (now - LEEWAY).timestamp()
            body = digest(message)
        except Exception:  # noqa: BLE001 - whatever a token holds, it must not wedge the order
            return "bad_token"
        if early or late:
            return "not_now"
        meant = {"workflow": workflow_id, "command_id": message.get("command_id")}
        bound = all(claims[name] == value for name, value in meant.items() if claims.get(name) is not None)
        actor = {"role": claims["role"], "id": claims["sub"]}
        if not bound or actor != message.get("actor") or (claims["cmd"], claims["body"]) != (command, body):
            return "not_this"
        if not isinstance(message.get("command_id"), str):
            return "no_id"
        if ends is None and claims.get("workflow") is None:
            return "bad_token"
        return "unstamped" if message.get("sent_at") is not None and claims.get("stamps") is not True else None


class SignsCommands(Interceptor):
    """The client interceptor of a backend that may speak for everybody: it signs starts and commands."""

    def __init__(self, actors: Actors) -> None:
        self.actors = actors

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:
        """Signs what goes out."""
        return _Signing(next, self.actors)


class _Signing(OutboundInterceptor):
    def __init__(self, next: OutboundInterceptor, actors: Actors) -> None:
        super().__init__(next)
        self._actors = actors

    async def start_workflow(self, input: StartWorkflowInput) -> WorkflowHandle[Any, Any]:
        self._sign_start(input)
        return await super().start_workflow(input)

    async def signal_workflow(self, input: SignalWorkflowInput) -> None:
        input.args = [self._signed(input.id, input.signal, value) for value in input.args]
        await super().signal_workflow(input)

    async def start_workflow_update(self, input: StartWorkflowUpdateInput) -> WorkflowUpdateHandle[Any]:
        input.args = [self._signed(input.id, input.update, value) for value in input.args]
        return await super().start_workflow_update(input)

    async def start_update_with_start_workflow(
        self, input: StartWorkflowUpdateWithStartInput
    ) -> WorkflowUpdateHandle[Any]:
        update, workflow_id = input.update_workflow_input, input.start_workflow_input.id
        update.args = [self._signed(workflow_id, update.update, value) for value in update.args]
        self._sign_start(input.start_workflow_input)
        return await super().start_update_with_start_workflow(input)

    def _sign_start(self, input: StartWorkflowInput | UpdateWithStartStartWorkflowInput) -> None:
        if input.workflow != ORDER or len(input.args) != 1:
            return
        [opening] = input.args
        # What is no opening, the order refuses and says why.
        with suppress(ValidationError, NeedsNewerBuild, ValueError):
            token = self._actors.sign_start(opening if isinstance(opening, Opening) else read_opening(opening))
            payload = Payload(metadata={"encoding": b"binary/plain"}, data=token.encode())
            input.headers = {**input.headers, START_HEADER: payload}

    def _signed(self, workflow_id: str, command: str, message: Any) -> Any:
        match message:
            case {"actor": {"role": str(), "id": str()}, "command_id": str()} if TOKEN not in message:
                # What has no canonical form is refused by the order, which says so.
                with suppress(ValueError):
                    # A backend that has the keys has stamped it as well.
                    token = self._actors.sign(command, message, workflow_id=workflow_id, stamps=True)
                    return {**message, TOKEN: token}
        return message
