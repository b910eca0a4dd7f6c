"""What a worker is told by its environment."""

from typing import Annotated, Literal

from pydantic import AliasChoices, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from workflows.keys import BadKeys, KeyRing


class BadSettings(Exception):
    """The environment cannot be used; the text names each variable and why."""


class Settings(BaseSettings):
    """Read from the environment. How Temporal is reached is told by the standard TEMPORAL_* variables instead."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    database_url: Annotated[str, Field(validation_alias=AliasChoices("RECOURSE_DATABASE_URL", "DATABASE_URL"))] = ""
    task_queue: Annotated[str, Field(validation_alias="RECOURSE_TASK_QUEUE")] = "recourse"
    webhook_url: Annotated[str | None, Field(validation_alias="RECOURSE_WEBHOOK_URL", pattern=r"^https?://")] = None
    webhook_secret: Annotated[str | None, Field(validation_alias="RECOURSE_WEBHOOK_SECRET")] = None
    smtp_url: Annotated[str | None, Field(validation_alias="RECOURSE_SMTP_URL", pattern=r"^smtp://")] = None
    mail_from: Annotated[str, Field(validation_alias="RECOURSE_MAIL_FROM")] = "orders@localhost"
    operator_email: Annotated[str | None, Field(validation_alias="RECOURSE_OPERATOR_EMAIL")] = None
    payload_keys: Annotated[SecretStr, Field(validation_alias="RECOURSE_PAYLOAD_KEYS")] = SecretStr("")
    payloads_plain: Annotated[Literal["accept", "refuse"], Field(validation_alias="RECOURSE_PAYLOADS_PLAIN")] = "accept"

    @property
    def payload_ring(self) -> KeyRing:
        """The keys by which payloads are encrypted. Raises BadSettings."""
        return read_ring("RECOURSE_PAYLOAD_KEYS", self.payload_keys, size=32)


def read_ring(variable: str, text: SecretStr, *, size: int) -> KeyRing:
    """The keys that a variable holds. Raises BadSettings."""
    try:
        return KeyRing.read(text.get_secret_value(), size=size)
    except BadKeys as error:
        raise BadSettings(f"{variable}: {error}") from error


def read_settings() -> Settings:
    """The settings of this process. Raises BadSettings."""
    try:
        settings = Settings()
    except ValidationError as error:
        raise BadSettings(
            "; ".join(f"{'.'.join(map(str, found['loc']))}: {found['msg']}" for found in error.errors())
        ) from error
    if settings.webhook_url and not settings.webhook_secret:
        raise BadSettings("RECOURSE_WEBHOOK_URL is set but RECOURSE_WEBHOOK_SECRET is not: webhooks are always signed.")
    if settings.payloads_plain == "refuse" and not settings.payload_ring:
        raise BadSettings(
            "RECOURSE_PAYLOADS_PLAIN is refuse but RECOURSE_PAYLOAD_KEYS is not set: nothing could be sent."
        )
    return settings
