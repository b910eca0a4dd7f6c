"""`recourse codec`: the server by which operators read encrypted payloads in the Temporal UI."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import uvicorn
from cyclopts import Parameter
from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from recourse.cli.output import Stop, console
from recourse.cli.typed import Port
from recourse.runtime.encryption import Encryption
from recourse.runtime.settings import read_environment, read_origins, read_ring, read_settings
from recourse.runtime.stopping import until_stopped
from recourse.web.codec import CodecServer, Login, Open, ProxyLogin, TokenLogin

LOOPBACK = ("127.0.0.1", "::1", "localhost")


class CodecSettings(BaseSettings):
    """The settings of the codec server alone, from its environment."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    tokens: Annotated[SecretStr, Field(validation_alias="RECOURSE_CODEC_TOKENS")] = SecretStr("")
    user_header: Annotated[str, Field(validation_alias="RECOURSE_CODEC_USER_HEADER")] = ""
    origins: Annotated[str, Field(validation_alias="RECOURSE_CODEC_ORIGINS")] = ""


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to `until_stopped`."""
        yield


async def codec(
    *,
    host: str = "127.0.0.1",
    port: Port = 8081,
    encode: Annotated[bool, Parameter(negative="")] = False,
    open_to_all: Annotated[bool, Parameter(name="--open", negative="")] = False,
) -> None:
    """Decrypt payloads for the Temporal UI and the `temporal` command line, until SIGINT or SIGTERM.

    RECOURSE_PAYLOAD_KEYS holds the keys, RECOURSE_CODEC_ORIGINS the UI's addresses, separated by commas. Logins come
    from RECOURSE_CODEC_TOKENS (NAME=BASE64 of 32 bytes) or RECOURSE_CODEC_USER_HEADER (set by the proxy in front).

    Parameters
    ----------
    host
        The address to listen on. Put a TLS reverse proxy in front of it.
    port
        The port to listen on.
    encode
        Encrypt too, so that commands can be typed into the UI.
    open_to_all
        No authentication. On loopback only.
    """
    settings, keys = read_environment(CodecSettings), read_settings().payload_ring
    if not keys:
        raise Stop("RECOURSE_PAYLOAD_KEYS is not set: there is nothing to decrypt with.")
    logins = _logins(settings, open_to_all=open_to_all, host=host)
    written = (origin.strip().rstrip("/") for origin in settings.origins.split(","))
    origins = read_origins("RECOURSE_CODEC_ORIGINS", filter(None, written))
    try:
        listener = socket.create_server((host, port))
    except OSError as error:
        raise Stop(f"{host}:{port} cannot be listened on: {error.strerror}.") from error
    app = CodecServer(Encryption(keys), logins, origins, encodes=encode)
    server = _Server(uvicorn.Config(app, access_log=False, log_level="warning", server_header=False, lifespan="off"))
    with listener:
        console().print(f"Listening on {host}:{listener.getsockname()[1]}.")
        async with until_stopped() as stop:
            serving = asyncio.create_task(server.serve(sockets=[listener]))
            await stop.wait()
            server.should_exit = True
            await serving


def _logins(settings: CodecSettings, *, open_to_all: bool, host: str) -> list[Login]:
    logins: list[Login] = []
    if tokens := read_ring("RECOURSE_CODEC_TOKENS", settings.tokens):
        logins.append(TokenLogin(tokens))
    if settings.user_header:
        logins.append(ProxyLogin(settings.user_header))
    if open_to_all:
        if host not in LOOPBACK:
            raise Stop(f"--open is for loopback, not for {host}.")
        logins.append(Open())
    if not logins:
        raise Stop(
            "No login is set up: set RECOURSE_CODEC_TOKENS or RECOURSE_CODEC_USER_HEADER, or pass --open on loopback."
        )
    return logins
