"""The settings of the relay to NATS, from the environment."""

import re
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from recourse.runtime.settings import BadSettings, read_environment
from recourse.runtime.urls import read_url

_PREFIX = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
LONGEST_PREFIX = 100
SERVERS = ("nats", "tls", "ws", "wss")


def _servers(text: SecretStr) -> SecretStr:
    for server in text.get_secret_value().split():
        read_url(server, *SERVERS)
    return text


class RelaySettings(BaseSettings):
    """What `recourse relay nats` reads."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    nats_url: Annotated[
        SecretStr,
        Field(
            validation_alias="RECOURSE_NATS_URL",
            description="The NATS servers that `recourse relay nats` publishes to, separated by spaces: "
            "`nats://user:password@host:4222`, or `tls://…`. Required there.",
        ),
        AfterValidator(_servers),
    ] = SecretStr("")
    nats_credentials: Annotated[
        Path | None,
        Field(validation_alias="RECOURSE_NATS_CREDENTIALS", description="The file of NATS credentials, if any."),
    ] = None


def read_relay() -> tuple[list[str], Path | None]:
    """The servers, and the file of credentials. Raises BadSettings."""
    settings = read_environment(RelaySettings)
    servers = settings.nats_url.get_secret_value().split()
    if not servers:
        raise BadSettings("RECOURSE_NATS_URL is not set: it names the NATS server, such as nats://host:4222.")
    credentials = settings.nats_credentials
    if credentials is not None and not credentials.is_file():
        raise BadSettings(f"RECOURSE_NATS_CREDENTIALS: there is no file {credentials}.")
    return servers, credentials


def read_prefix(text: str) -> str:
    """What every subject begins with. Raises ValueError."""
    if not _PREFIX.fullmatch(text) or len(text) > LONGEST_PREFIX:
        raise ValueError(
            f"{text!r} is no prefix of subjects: write words of letters, digits, _ and -, with dots between them, "
            f"such as `recourse.orders`, {LONGEST_PREFIX} letters at most."
        )
    return text
