"""How Temporal is reached: by the variables and the profile file that all of Temporal's tools read, with TLS."""

import asyncio
import contextlib
import datetime as dt
import ipaddress
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from recourse.errors import TemporalUnreachable
from recourse.runtime.temporal_connection import connect

NAME = "temporal.marketplace.test"


@dataclass
class Signed:
    """A certificate, its key, and where both are."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    certificate_path: Path
    key_path: Path


def sign(folder: Path, name: str, by: Signed | None = None) -> Signed:
    """A certificate for `name`, signed by `by` or by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    names = [x509.DNSName(name), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.certificate.subject if by else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=by is None, path_length=None), critical=True)
        .sign(by.key if by else key, hashes.SHA256())
    )
    made = Signed(certificate, key, folder / f"{name}.pem", folder / f"{name}.key")
    made.certificate_path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    pkcs8 = serialization.PrivateFormat.PKCS8
    made.key_path.write_bytes(key.private_bytes(serialization.Encoding.PEM, pkcs8, plain))
    return made


@asynccontextmanager
async def behind_tls(address: str, server: Signed, *, clients_of: Signed | None = None) -> AsyncIterator[str]:
    """The server at `address` behind TLS; with `clients_of` only for clients whose certificate that one signed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server.certificate_path, server.key_path)
    context.set_alpn_protocols(["h2"])
    if clients_of:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(clients_of.certificate_path)
    host, port = address.split(":")

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while part := await reader.read(65_536):
                writer.write(part)
                await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            behind_reader, behind_writer = await asyncio.open_connection(host, int(port))
            await asyncio.gather(pass_on(reader, behind_writer), pass_on(behind_reader, writer))

    async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context) as listening:
        yield f"127.0.0.1:{listening.sockets[0].getsockname()[1]}"


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing of the machine's own."""
    for variable in ("ADDRESS", "NAMESPACE", "API_KEY", "PROFILE", "TLS", "TLS_SERVER_NAME"):
        monkeypatch.delenv(f"TEMPORAL_{variable}", raising=False)
    monkeypatch.setenv("TEMPORAL_CONFIG_FILE", str(tmp_path / "none.toml"))


async def test_address_and_namespace_are_those_of_the_variables(
    temporal_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", temporal_address)
    monkeypatch.setenv("TEMPORAL_NAMESPACE", "marketplace")
    client = await connect()

    assert client.service_client.config.target_host == temporal_address
    assert client.namespace == "marketplace"


async def test_a_profile_of_the_configuration_file_is_used(
    temporal_address: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "temporal.toml"
    file.write_text(f'[profile.production]\naddress = "{temporal_address}"\nnamespace = "from-the-file"\n')
    monkeypatch.setenv("TEMPORAL_CONFIG_FILE", str(file))
    monkeypatch.setenv("TEMPORAL_PROFILE", "production")

    assert (await connect()).namespace == "from-the-file"


async def test_a_profile_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEMPORAL_PROFILE", "no-such-profile")

    with pytest.raises(TemporalUnreachable, match=r"settings cannot be read.*no-such-profile"):
        await connect()


async def test_a_server_with_a_certificate_of_ones_own_authority_is_trusted_where_that_is_named(
    temporal_address: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    authority = sign(tmp_path, "authority.test")
    async with behind_tls(temporal_address, sign(tmp_path, NAME, by=authority)) as address:
        monkeypatch.setenv("TEMPORAL_ADDRESS", address)
        monkeypatch.setenv("TEMPORAL_TLS", "true")
        with pytest.raises(TemporalUnreachable, match=address):
            await connect()
        monkeypatch.setenv("TEMPORAL_TLS_SERVER_CA_CERT_PATH", str(authority.certificate_path))
        assert await (await connect()).service_client.check_health()
        monkeypatch.setenv("TEMPORAL_TLS_SERVER_NAME", NAME)
        assert await (await connect()).service_client.check_health()
        monkeypatch.setenv("TEMPORAL_TLS_SERVER_NAME", "somebody-else.test")
        with pytest.raises(TemporalUnreachable):
            await connect()


async def test_a_server_that_wants_a_certificate_gets_ours(
    temporal_address: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    authority = sign(tmp_path, "authority.test")
    ours = sign(tmp_path, "recourse.worker.test", by=authority)
    async with behind_tls(temporal_address, sign(tmp_path, NAME, by=authority), clients_of=authority) as address:
        monkeypatch.setenv("TEMPORAL_ADDRESS", address)
        monkeypatch.setenv("TEMPORAL_TLS_SERVER_CA_CERT_PATH", str(authority.certificate_path))
        with pytest.raises(TemporalUnreachable):
            await connect()
        monkeypatch.setenv("TEMPORAL_TLS_CLIENT_CERT_PATH", str(ours.certificate_path))
        monkeypatch.setenv("TEMPORAL_TLS_CLIENT_KEY_PATH", str(ours.key_path))
        assert await (await connect()).service_client.check_health()


async def test_an_api_key_is_sent_and_turns_tls_on(
    temporal_address: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    authority = sign(tmp_path, "authority.test")
    async with behind_tls(temporal_address, sign(tmp_path, NAME, by=authority)) as address:
        monkeypatch.setenv("TEMPORAL_ADDRESS", address)
        monkeypatch.setenv("TEMPORAL_API_KEY", "an api key")
        monkeypatch.setenv("TEMPORAL_TLS_SERVER_CA_CERT_PATH", str(authority.certificate_path))
        client = await connect()

    assert client.service_client.config.api_key == "an api key"
    assert client.service_client.config.tls
