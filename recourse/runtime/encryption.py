"""Encryption of everything that Temporal keeps: messages, results, failures, memo and the texts of the UI.

AES-256-GCM. A payload names its key and, where known, the workflow it is for; neither can be changed, and a payload
that was copied to another order is not opened there. Search attributes and names are never encrypted, so nothing
personal may stand in them.
"""

import os
from collections.abc import Mapping, Sequence
from typing import Any, Self, cast

from google.protobuf.message import DecodeError
from temporalio.api.common.v1 import Payload
from temporalio.contrib.pydantic import PydanticPayloadConverter
from temporalio.converter import (
    ActivitySerializationContext,
    DataConverter,
    DefaultFailureConverter,
    DefaultFailureConverterWithEncodedAttributes,
    PayloadCodec,
    SerializationContext,
    WithSerializationContext,
    WorkflowSerializationContext,
)

from recourse.extras import require
from recourse.runtime.keys import KeyRing
from recourse.runtime.payloads import ForgivingConverter, Verdict, is_unopened, left_unopened

ENCRYPTED = b"binary/encrypted"
KEY_ID, WORKFLOW_ID = "encryption-key-id", "encryption-workflow-id"
_NONCE = 12  # bytes


class CannotOpen(Exception):
    """An encrypted payload that cannot be read; the text says why."""

    verdict: Verdict = "changed"


class KeyMissing(CannotOpen):
    """A payload whose key is not there, or not there any more."""

    verdict: Verdict = "no_key"


class Encryption(PayloadCodec, WithSerializationContext):
    """Encrypts with the first key and decrypts with all of them; without keys it leaves everything as it is."""

    def __init__(self, keys: KeyRing, workflow_id: str | None = None, ciphers: Mapping[str, Any] | None = None) -> None:
        self._keys = keys
        self._ciphers = ciphers or {key_id: _cipher(key) for key_id, key in keys.keys.items()}
        self._workflow_id = workflow_id

    @property
    def has_keys(self) -> bool:
        """Whether it encrypts at all."""
        return bool(self._keys)

    def with_context(self, context: SerializationContext) -> Self:
        """For the payloads of one workflow and its activities."""
        if not self._keys or not isinstance(context, WorkflowSerializationContext | ActivitySerializationContext):
            return self
        # The SDK asks several times for every payload, and making the ciphers takes longer than using them.
        return type(self)(self._keys, context.workflow_id, self._ciphers)

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Encrypt."""
        return [self.seal(payload) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Decrypt what is encrypted. Raises CannotOpen."""
        return [self.open(payload) for payload in payloads]

    def seal(self, payload: Payload) -> Payload:
        """One payload, encrypted."""
        if not self._keys:
            return payload
        sealed = Payload(metadata={"encoding": ENCRYPTED, KEY_ID: self._keys.first.encode()})
        if self._workflow_id is not None:
            sealed.metadata[WORKFLOW_ID] = self._workflow_id.encode()
        nonce = os.urandom(_NONCE)
        ciphertext = self._ciphers[self._keys.first].encrypt(nonce, payload.SerializeToString(), _bound_to(sealed))
        sealed.data = nonce + ciphertext
        return sealed

    def open(self, payload: Payload) -> Payload:
        """One payload, decrypted if it is encrypted. Raises CannotOpen."""
        if payload.metadata.get("encoding") != ENCRYPTED:
            return payload
        key_id = payload.metadata.get(KEY_ID, b"").decode(errors="replace")
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise KeyMissing(f"it is encrypted with the key {key_id[:40]!r}, which is not in RECOURSE_PAYLOAD_KEYS")
        meant_for = payload.metadata.get(WORKFLOW_ID)
        if None not in (meant_for, self._workflow_id) and meant_for != str(self._workflow_id).encode():
            raise CannotOpen("it was made for another order")
        from cryptography.exceptions import InvalidTag

        nonce, ciphertext = payload.data[:_NONCE], payload.data[_NONCE:]
        try:
            return Payload.FromString(cipher.decrypt(nonce, ciphertext, _bound_to(payload)))
        except (InvalidTag, ValueError, DecodeError) as error:
            raise CannotOpen("it was changed, or another key has the same id") from error


def _cipher(key: bytes) -> Any:
    # Only who has keys needs this package.
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(key)


def _bound_to(payload: Payload) -> bytes:
    """What is not secret but cannot be changed either. A key id holds no zero byte, so no two of these are alike."""
    bound = b"recourse-payload-1\0" + payload.metadata[KEY_ID]
    meant_for = payload.metadata.get(WORKFLOW_ID)
    return bound if meant_for is None else bound + b"\0" + meant_for


class Forgiving(PayloadCodec, WithSerializationContext):
    """The worker's side: what cannot be decoded of a message is handed to the order unopened, which refuses it.

    An error here would fail the order's workflow task for ever. Not so for what activities return: that is ours, and
    the task waits until the key is there again.
    """

    def __init__(self, codec: PayloadCodec, *, refuse_plain: bool, for_messages: bool = False) -> None:
        self._codec = codec
        self._refuse_plain = refuse_plain
        self._for_messages = for_messages

    def with_context(self, context: SerializationContext) -> Self:
        """For the payloads of one workflow, where messages come in, or of an activity."""
        codec = self._codec.with_context(context) if isinstance(self._codec, WithSerializationContext) else self._codec
        for_messages = isinstance(context, WorkflowSerializationContext)
        if codec is self._codec and for_messages == self._for_messages:
            return self
        return type(self)(codec, refuse_plain=self._refuse_plain, for_messages=for_messages)

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """As the codec does."""
        return await self._codec.encode(payloads)

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """As the codec does, except that nothing that anybody can send raises an error."""
        if not self._for_messages:
            return await self._codec.decode(payloads)
        return [await self._decode_one(payload) for payload in payloads]

    async def _decode_one(self, payload: Payload) -> Payload:
        try:
            [decoded] = await self._codec.decode([payload])
        except Exception as error:  # noqa: BLE001 - whatever a payload does to a codec, it must not wedge the order
            verdict = error.verdict if isinstance(error, CannotOpen) else "changed"
            return left_unopened(payload, verdict, str(error))
        if is_unopened(decoded):
            return left_unopened(payload, "changed", "it pretends to be what this codec makes of others")
        if self._refuse_plain and decoded == payload:
            return left_unopened(payload, "plain", "it is not encrypted")
        return decoded


class QuickDataConverter(DataConverter):
    """A converter of which only the codec depends on the workflow; the SDK would make all of it anew each time."""

    def with_context(self, context: SerializationContext) -> Self:
        """For the payloads of one workflow or activity."""
        general = self.payload_codec
        codec = general.with_context(context) if isinstance(general, Encryption | Forgiving) else general
        if codec is general:
            return self
        # By hand, since `copy` takes longer than all the rest, and each activation pays for it.
        made = object.__new__(type(self))
        made.__dict__.update(self.__dict__, payload_codec=codec)
        return made


class ForgivingDataConverter(QuickDataConverter):
    """A converter of a worker. Payloads that point to an external store, which we have none of, are not looked up
    (the SDK would fail the workflow task) but read as what they are, and refused."""

    async def _as_they_are(self, payloads: Sequence[Payload]) -> list[Payload]:
        # The very same, since the SDK would copy each that came in another list.
        return cast(list[Payload], payloads)

    _decode_reference_payload_sequence = _external_retrieve_payload_sequence = _as_they_are
    _external_store_payload_sequence = _encode_reference_payload_sequence = _as_they_are


def for_callers(keys: KeyRing) -> DataConverter:
    """The converter of programs that start orders, send them messages and read what they answer."""
    if keys:
        require("backend")
    return QuickDataConverter(
        payload_converter_class=PydanticPayloadConverter,
        payload_codec=Encryption(keys),
        failure_converter_class=DefaultFailureConverterWithEncodedAttributes if keys else DefaultFailureConverter,
    )


def encrypts(converter: DataConverter) -> bool:
    """Whether a converter of callers encrypts."""
    return isinstance(converter.payload_codec, Encryption) and converter.payload_codec.has_keys


def for_work(callers: DataConverter, *, refuse_plain: bool = False) -> DataConverter:
    """The converter of a worker whose callers use `callers`; replaying a history needs it too.

    `refuse_plain`: messages that are not encrypted are refused.
    """
    return ForgivingDataConverter(
        payload_converter_class=ForgivingConverter,
        payload_codec=Forgiving(callers.payload_codec or Encryption(KeyRing({})), refuse_plain=refuse_plain),
        failure_converter_class=callers.failure_converter_class,
    )
