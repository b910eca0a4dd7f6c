"""Proof that a worker of ours asks for an activity: an HMAC-SHA256 with a key that only workers have.

Anybody who can write to the namespace can have our workers run an activity, with any input. So an order's workflow
sends a header with each activity, and the activity runs only where that header fits its type, the workflow, the run and
each byte of the input.
"""

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass

from temporalio.api.common.v1 import Payload

from recourse.runtime.keys import KeyRing

HEADER = "recourse-proof"
_PURPOSE = b"recourse-activity-1"


class ProofKeyMissing(Exception):
    """A proof whose key is not there, or not there any more."""


@dataclass(frozen=True)
class Caller:
    """Who asks for an activity: the workflow and the run of it, and the type of the activity."""

    activity: str
    workflow_id: str
    run_id: str


@dataclass(frozen=True)
class Proofs:
    """Makes proofs with the first key of a ring and checks them with all of them."""

    keys: KeyRing

    def make(self, caller: Caller, inputs: Iterable[Payload]) -> Payload:
        """The header for an activity with these inputs."""
        first = self.keys.first
        text = f"{first}:{_digest(self.keys.keys[first], caller, inputs)}"
        return Payload(metadata={"encoding": b"binary/plain"}, data=text.encode())

    def fits(self, proof: Payload | None, caller: Caller, inputs: Iterable[Payload]) -> bool:
        """Whether a header is the proof for this. Raises ProofKeyMissing."""
        if proof is None:
            return False
        key_id, _, digest = proof.data.decode(errors="replace").partition(":")
        key = self.keys.keys.get(key_id)
        if key is None:
            raise ProofKeyMissing(f"it is proven with the key {key_id[:40]!r}, which is not in RECOURSE_WORKER_KEYS")
        return hmac.compare_digest(_digest(key, caller, inputs).encode(), digest.encode())


def _digest(key: bytes, caller: Caller, inputs: Iterable[Payload]) -> str:
    parts = [_PURPOSE, caller.activity.encode(), caller.workflow_id.encode(), caller.run_id.encode()]
    for payload in inputs:
        parts += [payload.metadata.get("encoding", b""), payload.data]
    made = hmac.new(key, digestmod=hashlib.sha256)
    for part in parts:
        # With its length, so that no two lists of parts are alike.
        made.update(len(part).to_bytes(8, "big"))
        made.update(part)
    return made.hexdigest()
