"""One payload: who can read it, and that it cannot be changed or used elsewhere."""

import base64
import os

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st
from temporalio.api.common.v1 import Payload
from temporalio.converter import WorkflowSerializationContext

from recourse.runtime.encryption import CannotOpen, Encryption, KeyMissing, for_callers
from recourse.runtime.keys import BadKeys, KeyRing
from recourse.runtime.settings import BadSettings, read_settings
from tests.secrets.conftest import NEW, NONE, OLD, ONLY_NEW, ONLY_OLD, RING

PLAIN = Payload(metadata={"encoding": b"json/plain"}, data=b'"a secret"')


def order(name: str) -> WorkflowSerializationContext:
    return WorkflowSerializationContext(namespace="default", workflow_id=name)


@given(st.dictionaries(st.text(max_size=20), st.binary(max_size=20), max_size=3), st.binary(max_size=2_000))
def test_what_is_encrypted_is_read_again_unchanged(metadata: dict[str, bytes], data: bytes) -> None:
    payload = Payload(metadata=metadata, data=data)
    codec = Encryption(RING).with_context(order("order-1"))

    assert codec.open(codec.seal(payload)) == payload


def test_nothing_of_a_payload_shows_and_no_two_are_alike() -> None:
    codec = Encryption(RING)
    first, second = codec.seal(PLAIN), codec.seal(PLAIN)

    assert b"secret" not in first.SerializeToString()
    assert b"json" not in first.SerializeToString()
    assert first.data != second.data


def test_the_first_key_encrypts_and_every_key_decrypts() -> None:
    by_old = Encryption(ONLY_OLD).seal(PLAIN)
    by_both = Encryption(RING).seal(PLAIN)

    assert by_both.metadata["encryption-key-id"] == b"new"
    assert Encryption(RING).open(by_old) == PLAIN
    assert Encryption(ONLY_NEW).open(by_both) == PLAIN
    with pytest.raises(KeyMissing, match="'new', which is not in RECOURSE_PAYLOAD_KEYS"):
        Encryption(ONLY_OLD).open(by_both)


@given(st.data())
def test_one_changed_bit_is_found_wherever_it_is(data: st.DataObject) -> None:
    codec = Encryption(RING)
    sealed = codec.seal(PLAIN)
    bit = data.draw(st.integers(0, len(sealed.data) * 8 - 1))
    changed = bytearray(sealed.data)
    changed[bit // 8] ^= 1 << bit % 8
    sealed.data = bytes(changed)

    with pytest.raises(CannotOpen, match="was changed"):
        codec.open(sealed)


@pytest.mark.parametrize("size", [0, 5, 12, 27])
def test_one_that_is_too_short_is_found(size: int) -> None:
    sealed = Encryption(RING).seal(PLAIN)
    sealed.data = sealed.data[:size]

    with pytest.raises(CannotOpen):
        Encryption(RING).open(sealed)


def test_another_key_id_or_another_order_cannot_be_written_onto_it() -> None:
    same_key = Encryption(KeyRing({"new": NEW, "twin": NEW}))
    sealed = same_key.with_context(order("order-1")).seal(PLAIN)
    for name, value in (("encryption-key-id", b"twin"), ("encryption-workflow-id", b"order-2")):
        forged = Payload()
        forged.CopyFrom(sealed)
        forged.metadata[name] = value
        with pytest.raises(CannotOpen, match="was changed"):
            same_key.open(forged)
    del sealed.metadata["encryption-workflow-id"]
    with pytest.raises(CannotOpen, match="was changed"):
        same_key.open(sealed)


def test_it_is_opened_for_no_other_order() -> None:
    codec = Encryption(RING)
    sealed = codec.with_context(order("order-1")).seal(PLAIN)

    with pytest.raises(CannotOpen, match="for another order"):
        codec.with_context(order("order-2")).open(sealed)
    # The codec server knows of no order.
    assert codec.open(sealed) == PLAIN


def test_plain_payloads_stay_as_they_are_and_so_does_everything_without_keys() -> None:
    assert Encryption(RING).open(PLAIN) == PLAIN
    assert Encryption(NONE).seal(PLAIN) == PLAIN


def test_keys_are_read_with_their_ids_in_their_order() -> None:
    text = f"b={base64.b64encode(NEW).decode()}, a={base64.b64encode(OLD).decode()}"
    ring = KeyRing.read(text)

    assert dict(ring.keys) == {"b": NEW, "a": OLD}
    assert ring.first == "b"
    assert not KeyRing.read("")
    assert base64.b64encode(NEW).decode() not in repr(ring)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("just-a-word", "key 1 is not written ID=BASE64"),
        ("=SECRETSECRET", "key 1 is not written ID=BASE64"),
        ("a b=SECRETSECRET", "key 1 is not written ID=BASE64"),
        ("a=SECRET?SECRET", "key a is not base64"),
        ("a=SECRETSECRET", "key a has 9 bytes and must have 32"),
        (f"a={base64.b64encode(OLD).decode()},a={base64.b64encode(NEW).decode()}", "the key id a stands twice"),
    ],
)
def test_bad_keys_are_named_and_never_shown(monkeypatch: pytest.MonkeyPatch, text: str, why: str) -> None:
    with pytest.raises(BadKeys, match=why) as raised:
        KeyRing.read(text)
    assert "SECRET" not in str(raised.value)

    monkeypatch.setenv("RECOURSE_PAYLOAD_KEYS", text)
    with pytest.raises(BadSettings, match=f"RECOURSE_PAYLOAD_KEYS: {why}"):
        _ = read_settings().payload_ring


def test_refusing_plain_payloads_needs_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECOURSE_PAYLOADS_PLAIN", "refuse")
    monkeypatch.delenv("RECOURSE_PAYLOAD_KEYS", raising=False)
    with pytest.raises(BadSettings, match="RECOURSE_PAYLOAD_KEYS is not set"):
        read_settings()

    monkeypatch.setenv("RECOURSE_PAYLOAD_KEYS", f"a={base64.b64encode(os.urandom(32)).decode()}")
    assert read_settings().payload_ring.first == "a"


def test_what_another_language_encrypts_by_the_documented_format_is_read() -> None:
    nonce, bound = os.urandom(12), b"recourse-payload-1\0new\0order-17"
    ciphertext = AESGCM(NEW).encrypt(nonce, PLAIN.SerializeToString(), bound)
    written = {"encryption-key-id": b"new", "encryption-workflow-id": b"order-17", "encoding": b"binary/encrypted"}

    assert Encryption(RING).open(Payload(metadata=written, data=nonce + ciphertext)) == PLAIN


def test_ciphers_are_made_once_however_many_orders_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    converter = for_callers(RING)
    made: list[bytes] = []
    monkeypatch.setattr("recourse.runtime.encryption._cipher", made.append)
    monkeypatch.setattr("temporalio.converter.DataConverter._new_payload_converter", made.append)

    for number in range(3):
        codec = converter.with_context(order(f"order-{number}")).payload_codec
        assert isinstance(codec, Encryption)
        codec.seal(PLAIN)

    assert made == []
