"""What a worker is told by its environment."""

from typing import Annotated, Literal

from pydantic import AliasChoices, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from activities.addresses import read_address
from activities.webhook import read_secrets
from workflows.keys import BadKeys, KeyRing

# An address of this machine to listen on.
ADDRESS = r"^(\d{1,3}(\.\d{1,3}){3}|\[[0-9a-fA-F:]+\]):\d{1,5}$"


class BadSettings(Exception):
    """The environment cannot be used; the text names each variable and why."""


class Settings(BaseSettings):
    """Read from the environment. How Temporal is reached is told by the standard TEMPORAL_* variables instead."""

    # A variable that is empty is one that is not set, as compose files write it.
    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    database_url: Annotated[str, Field(validation_alias=AliasChoices("RECOURSE_DATABASE_URL", "DATABASE_URL"))] = ""
    task_queue: Annotated[str, Field(validation_alias="RECOURSE_TASK_QUEUE")] = "recourse"
    webhook_url: Annotated[str | None, Field(validation_alias="RECOURSE_WEBHOOK_URL", pattern=r"^https?://.")] = None
    webhook_secret: Annotated[str, Field(validation_alias="RECOURSE_WEBHOOK_SECRET")] = ""
    smtp_url: Annotated[str | None, Field(validation_alias="RECOURSE_SMTP_URL", pattern=r"^smtps?://.")] = None
    mail_from: Annotated[str, Field(validation_alias="RECOURSE_MAIL_FROM")] = "orders@localhost"
    operator_email: Annotated[str | None, Field(validation_alias="RECOURSE_OPERATOR_EMAIL")] = None
    payload_keys: Annotated[SecretStr, Field(validation_alias="RECOURSE_PAYLOAD_KEYS")] = SecretStr("")
    payloads_plain: Annotated[Literal["accept", "refuse"], Field(validation_alias="RECOURSE_PAYLOADS_PLAIN")] = "accept"
    web_url: Annotated[str, Field(validation_alias="RECOURSE_WEB_URL", pattern=r"^(https?://\S+)?$")] = ""
    payment_providers: Annotated[str, Field(validation_alias="RECOURSE_PAYMENT_PROVIDERS")] = ""

    metrics_address: Annotated[str | None, Field(validation_alias="RECOURSE_METRICS_ADDRESS", pattern=ADDRESS)] = None
    health_address: Annotated[str | None, Field(validation_alias="RECOURSE_HEALTH_ADDRESS", pattern=ADDRESS)] = None
    actor_keys: Annotated[SecretStr, Field(validation_alias="RECOURSE_ACTOR_KEYS")] = SecretStr("")

    deployment: Annotated[str, Field(validation_alias="RECOURSE_DEPLOYMENT", pattern=r"^[^.\s]{1,200}$|^$")] = ""
    build_id: Annotated[str, Field(validation_alias="RECOURSE_BUILD_ID", max_length=200)] = ""

    # Only whether it is set is read here; OpenTelemetry reads this and all of its OTEL_* itself.
    traces_endpoint: Annotated[
        str,
        Field(validation_alias=AliasChoices("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")),
    ] = ""

    @property
    def payload_ring(self) -> KeyRing:
        """The keys by which payloads are encrypted. Raises BadSettings."""
        return read_ring("RECOURSE_PAYLOAD_KEYS", self.payload_keys, size=32)

    @property
    def actor_ring(self) -> KeyRing:
        """The keys by which actors are proven. Raises BadSettings."""
        return read_ring("RECOURSE_ACTOR_KEYS", self.actor_keys, size=32)


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
    if settings.webhook_url and not settings.webhook_secret.strip():
        raise BadSettings("RECOURSE_WEBHOOK_URL is set but RECOURSE_WEBHOOK_SECRET is not: webhooks are always signed.")
    if settings.payloads_plain == "refuse" and not settings.payload_ring:
        raise BadSettings(
            "RECOURSE_PAYLOADS_PLAIN is refuse but RECOURSE_PAYLOAD_KEYS is not set: nothing could be sent."
        )
    if settings.deployment and not settings.build_id.strip():
        raise BadSettings("RECOURSE_DEPLOYMENT is set but RECOURSE_BUILD_ID is not: builds must be told apart.")
    try:
        read_secrets(settings.webhook_secret)
    except ValueError as error:
        raise BadSettings(f"RECOURSE_WEBHOOK_SECRET: {error}") from error
    for name, address in (
        ("RECOURSE_MAIL_FROM", settings.mail_from),
        ("RECOURSE_OPERATOR_EMAIL", settings.operator_email),
    ):
        try:
            if address is not None:
                read_address(address)
        except ValueError as error:
            raise BadSettings(f"{name}: {error}") from error
    return settings
