"""Proof of who gives a command: a JWT (HMAC-SHA256) that the marketplace signs for one party or operator.

Where RECOURSE_ACTOR_KEYS is set, a command carries it as `actor_token`, and one whose token is missing or names
somebody else is refused. Header `kid`; claims `aud` (`recourse-actor`), `role` and `sub` (the actor's role and id),
`exp`, and optionally `workflow` (such as `order-17`) and `command_id`. A token with both of these needs no `exp`: it
is good for one command only, however long that waits.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from temporalio.client import (
    Interceptor,
    OutboundInterceptor,
    SignalWorkflowInput,
    StartWorkflowUpdateInput,
    StartWorkflowUpdateWithStartInput,
    WorkflowUpdateHandle,
)

from recourse.extras import require
from recourse.runtime.keys import KeyRing

TOKEN = "actor_token"  # noqa: S105 - the name of a field
Disproof = Literal["no_token", "bad_token", "not_now", "not_this"]
# Why a message does not come from whom it names, in the workflow of this id at this time; None: it does.
Disproving = Callable[[Mapping[str, Any], str, datetime], Disproof | None]
AUDIENCE = "recourse-actor"
ALGORITHM = "HS256"
# What the clocks of two machines may differ by: who signs and who checks.
LEEWAY = timedelta(minutes=1)
# When a token is good is decided by the order's own time, below.
_OPTIONS: Any = {
    "require": ["aud", "role", "sub"],
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
}


@dataclass(frozen=True)
class Actors:
    """Makes tokens with the first key of a ring and checks them with all of them."""

    keys: KeyRing

    def __post_init__(self) -> None:
        require("backend")
        # Loaded now, so that no workflow loads it.
        import jwt  # noqa: F401

    def sign(
        self,
        role: str,
        actor_id: str,
        *,
        workflow_id: str | None = None,
        command_id: str | None = None,
        expires_at: datetime | None = None,
    ) -> str:
        """A token for one actor. Raises ValueError for one that would never end."""
        import jwt

        if expires_at is None and None in (workflow_id, command_id):
            raise ValueError("a token that is not for one command of one order must expire")
        until = int(expires_at.timestamp()) if expires_at else None
        bounds = {"exp": until, "workflow": workflow_id, "command_id": command_id}
        claims: dict[str, Any] = {"aud": AUDIENCE, "role": role, "sub": actor_id}
        claims |= {name: bound for name, bound in bounds.items() if bound is not None}
        return jwt.encode(claims, self.keys.keys[self.keys.first], ALGORITHM, headers={"kid": self.keys.first})

    def disprove(self, message: Mapping[str, Any], workflow_id: str, now: datetime) -> Disproof | None:
        """Why a message does not come from the actor that it names; None: it does."""
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
        except Exception:  # noqa: BLE001 - whatever a token holds, it must not wedge the order
            return "bad_token"
        if early or late:
            return "not_now"
        meant = {"workflow": workflow_id, "command_id": message.get("command_id")}
        bound = all(claims[name] == value for name, value in meant.items() if claims.get(name) is not None)
        actor = {"role": claims["role"], "id": claims["sub"]}
        if not bound or actor != message.get("actor"):
            return "not_this"
        # A token for every command of somebody, for ever, would be a password.
        return "bad_token" if ends is None and None in map(claims.get, meant) else None


class SignsCommands(Interceptor):
    """The client interceptor of a backend that may speak for everybody: it signs each command that has no token."""

    def __init__(self, actors: Actors) -> None:
        self.actors = actors

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:
        """Signs what goes out."""
        return _Signing(next, self.actors)


class _Signing(OutboundInterceptor):
    def __init__(self, next: OutboundInterceptor, actors: Actors) -> None:
        super().__init__(next)
        self._actors = actors

    async def signal_workflow(self, input: SignalWorkflowInput) -> None:
        input.args = [self._signed(input.id, value) for value in input.args]
        await super().signal_workflow(input)

    async def start_workflow_update(self, input: StartWorkflowUpdateInput) -> WorkflowUpdateHandle[Any]:
        input.args = [self._signed(input.id, value) for value in input.args]
        return await super().start_workflow_update(input)

    async def start_update_with_start_workflow(
        self, input: StartWorkflowUpdateWithStartInput
    ) -> WorkflowUpdateHandle[Any]:
        update, workflow_id = input.update_workflow_input, input.start_workflow_input.id
        update.args = [self._signed(workflow_id, value) for value in update.args]
        return await super().start_update_with_start_workflow(input)

    def _signed(self, workflow_id: str, message: Any) -> Any:
        match message:
            case {"actor": {"role": str(role), "id": str(actor_id)}, "command_id": str(command_id)}:
                token = self._actors.sign(role, actor_id, workflow_id=workflow_id, command_id=command_id)
                return {TOKEN: token, **message}
        return message
