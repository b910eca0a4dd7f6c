"""The settings of a worker, from its environment."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar
from urllib.request import getproxies

from pydantic import AfterValidator, AliasChoices, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from recourse.errors import BadInput
from recourse.resolution.model.unfit import unfit
from recourse.runtime.addresses import read_address, read_sender
from recourse.runtime.brand import Brand, read_color
from recourse.runtime.keys import BadKeys, KeyRing, read_secrets
from recourse.runtime.own_attributes import read_own
from recourse.runtime.urls import read_listener, read_origin, read_url
from recourse.wording.languages import ENGLISH, read_language


def _readable(read: Callable[[str], Any]) -> AfterValidator:
    """A text that can be read; a variable that is not set is not."""

    def check(text: str | None) -> str | None:
        if text:
            read(text)
        return text

    return AfterValidator(check)


WEB_ADDRESS = _readable(lambda text: read_url(text, "https", "http"))
_PAGES = _readable(lambda text: read_url(text, "https", "http", user=False, query=False))
_SMTP = _readable(lambda text: read_url(text, "smtp", "smtps", path=False))
_MAIL = _readable(read_address)
_SENDER = _readable(read_sender)
_HTTPS = _readable(lambda text: read_url(text, "https", user=False))
_COLOR = _readable(read_color)
_LANGUAGE = _readable(read_language)
_LISTENER = _readable(read_listener)
_ATTRIBUTES = _readable(read_own)


class BadSettings(BadInput):
    """The environment cannot be used; the text names each variable and why."""


class Settings(BaseSettings):
    """Read from the environment. The connection to Temporal has the standard TEMPORAL_* variables instead."""

    # A variable that is empty is one that is not set, as compose files write it.
    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    database_url: Annotated[
        str,
        Field(
            validation_alias=AliasChoices("RECOURSE_DATABASE_URL", "DATABASE_URL"),
            description="The PostgreSQL database of the orders: `postgresql://user:password@host:5432/recourse`. "
            "Required. See [PostgreSQL](#postgresql) for several hosts and for poolers.",
        ),
    ] = ""
    task_queue: Annotated[
        str,
        Field(
            validation_alias="RECOURSE_TASK_QUEUE",
            description="The Temporal task queue that orders start on and workers poll.",
        ),
    ] = "recourse"
    webhook_url: Annotated[
        str | None,
        Field(
            validation_alias="RECOURSE_WEBHOOK_URL",
            description="The URL that notices are posted to. If not set, no webhooks are sent.",
        ),
        WEB_ADDRESS,
    ] = None
    webhook_secret: Annotated[
        str,
        Field(
            validation_alias="RECOURSE_WEBHOOK_SECRET",
            description="The Standard Webhooks secret that signs webhooks: `whsec_` plus base64. Required with "
            "`RECOURSE_WEBHOOK_URL`.",
        ),
    ] = ""
    smtp_url: Annotated[
        str | None,
        Field(
            validation_alias="RECOURSE_SMTP_URL",
            description="The mail server for notices: `smtp://user:password@host:587` with STARTTLS, which is "
            "required unless the server is on this machine, or `smtps://…:465` with TLS. In user and password, write "
            "characters such as `/ # ? @` as `%2F %23 %3F %40`. If not set, no mail is sent.",
        ),
        _SMTP,
    ] = None
    mail_from: Annotated[
        str,
        Field(
            validation_alias="RECOURSE_MAIL_FROM",
            description="The sender of mails: `orders@market.example`, or `Market <orders@market.example>`. Here and "
            "in parties' addresses, non-ASCII characters before the `@` "
            "need a mail server with SMTPUTF8. In the domain they always work: it is sent as `xn--…`.",
        ),
        _SENDER,
    ] = "orders@localhost"
    mail_reply_to: Annotated[
        str | None,
        Field(
            validation_alias="RECOURSE_MAIL_REPLY_TO", description="Where answers to mails go, if not to the sender."
        ),
        _SENDER,
    ] = None
    mail_templates: Annotated[
        Path | None,
        Field(
            validation_alias="RECOURSE_MAIL_TEMPLATES",
            description="A folder of your own templates for mails. See [pages.md](pages.md#mails).",
        ),
    ] = None
    link_keys: Annotated[
        SecretStr,
        Field(
            validation_alias="RECOURSE_LINK_KEYS",
            description="The keys of links in mails, for workers and web servers: `name=base64,name2=base64`, 32 bytes "
            "each. If set, the link in a mail signs its party in; otherwise it leads to the order's page.",
        ),
    ] = SecretStr("")
    brand_name: Annotated[
        str,
        Field(
            validation_alias="RECOURSE_BRAND_NAME",
            max_length=60,
            description="Your marketplace's name, on pages and in mails.",
        ),
    ] = ""
    language: Annotated[
        str,
        Field(
            validation_alias="RECOURSE_LANGUAGE",
            description="The language of mails, and of pages where the reader's is not offered, such as `de`. See "
            "[languages.md](languages.md).",
        ),
        _LANGUAGE,
    ] = ENGLISH
    brand_logo: Annotated[
        str,
        Field(
            validation_alias="RECOURSE_BRAND_LOGO", description="The `https://` address of your logo, 32 pixels high."
        ),
        _HTTPS,
    ] = ""
    brand_color: Annotated[
        str,
        Field(
            validation_alias="RECOURSE_BRAND_COLOR",
            description="The colour of links and buttons, such as `#1d4f91`. It is made darker, or lighter in the dark "
            "scheme, until it can be read.",
        ),
        _COLOR,
    ] = ""
    home_url: Annotated[
        str,
        Field(
            validation_alias="RECOURSE_HOME_URL",
            description="Where people go back to, such as `https://market.example/orders`: from the pages, from mails, "
            "and from a link that has expired.",
        ),
        _HTTPS,
    ] = ""
    operator_email: Annotated[
        str | None,
        Field(
            validation_alias="RECOURSE_OPERATOR_EMAIL",
            description="The address for notices to operators. If not set, operators get no mail.",
        ),
        _MAIL,
    ] = None
    payload_keys: Annotated[
        SecretStr,
        Field(
            validation_alias="RECOURSE_PAYLOAD_KEYS",
            description="The payload encryption keys: `name=base64,name2=base64`, 32 bytes each. The first key "
            "encrypts, all keys decrypt. If not set, payloads are not encrypted.",
        ),
    ] = SecretStr("")
    payloads_plain: Annotated[
        Literal["accept", "refuse"],
        Field(
            validation_alias="RECOURSE_PAYLOADS_PLAIN",
            description="`accept`, or `refuse` to refuse unencrypted messages.",
        ),
    ] = "accept"
    web_url: Annotated[
        str,
        Field(
            validation_alias="RECOURSE_WEB_URL",
            description="The public URL of `recourse serve`, such as `https://orders.example`. If set, the Temporal "
            "UI shows a link to the order's page, and `recourse open` opens it.",
        ),
        _PAGES,
    ] = ""
    temporal_ui_url: Annotated[
        str,
        Field(
            validation_alias="RECOURSE_TEMPORAL_UI_URL",
            description="The URL of the Temporal UI, such as `https://temporal.example`, for `recourse open "
            "--workflow`.",
        ),
        _PAGES,
    ] = ""
    notice_channels: Annotated[
        str,
        Field(
            validation_alias="RECOURSE_NOTICE_CHANNELS",
            description="Your own [notice channels](extending.md#a-notice-channel): `name=package.module:factory`, "
            "separated by spaces. Each gets every notice, in addition to mail and webhooks.",
        ),
    ] = ""
    search_attributes: Annotated[
        str,
        Field(
            validation_alias="RECOURSE_SEARCH_ATTRIBUTES",
            description="Your own search attributes in Temporal: `Category=Keyword Country=Keyword`, also `Int` and "
            "`Bool`, at most ten. Workers create them, and whatever starts orders checks them. See "
            "[extending.md](extending.md#search-attributes).",
        ),
        _ATTRIBUTES,
    ] = ""
    payment_providers: Annotated[
        str,
        Field(
            validation_alias="RECOURSE_PAYMENT_PROVIDERS",
            description="Your payment providers: `name=package.module:factory`, separated by spaces. An order names "
            "the provider that executes its settlements. Workers need it to pay, whatever starts orders "
            "to check their money, and web servers to take the providers' events. See [payments.md](payments.md).",
        ),
    ] = ""
    evidence: Annotated[
        str,
        Field(
            validation_alias="RECOURSE_EVIDENCE",
            description="Where files of evidence are kept: `folder:/path`, which all web servers share; "
            "`s3://bucket/prefix?region=…`, with `endpoint=…` for another server than Amazon's; or "
            "`package.module:factory`. Web servers need it, and `recourse privacy`. If not set, parties give the "
            "address and the SHA-256 of files that are kept elsewhere. See "
            "[extending.md](extending.md#an-evidence-store).",
        ),
    ] = ""
    # Read by `recourse.wording` itself, when the first module that uses a text is imported.
    wording: Annotated[
        str,
        Field(
            validation_alias="RECOURSE_WORDING",
            description="The path of a file with [texts of your own](extending.md#texts) in place of ours.",
        ),
    ] = ""
    record_signer: Annotated[
        str,
        Field(
            validation_alias="RECOURSE_RECORD_SIGNER",
            description="What signs exported records and the roots of days: `ID=FILE`, with an Ed25519 private key in "
            "PEM, or `package.module:factory`. If not set, nothing is signed. See "
            "[security.md](security.md#what-a-record-proves).",
        ),
    ] = ""

    metrics_address: Annotated[
        str | None,
        Field(
            validation_alias="RECOURSE_METRICS_ADDRESS",
            description="The address that serves `/metrics` for Prometheus, such as `127.0.0.1:9464`. If not set, "
            "nothing is measured. See [observing.md](observing.md).",
        ),
        _LISTENER,
    ] = None
    health_address: Annotated[
        str | None,
        Field(
            validation_alias="RECOURSE_HEALTH_ADDRESS",
            description="The address that serves a worker's `/healthz` and `/readyz`, such as `127.0.0.1:8090`. If "
            "not set, there are no probes.",
        ),
        _LISTENER,
    ] = None
    actor_keys: Annotated[
        SecretStr,
        Field(
            validation_alias="RECOURSE_ACTOR_KEYS",
            description="If set, each command needs a token signed by one of these keys: `name=base64,name2=base64`, "
            "32 bytes each. If not set, actors are not verified. See [security.md](security.md).",
        ),
    ] = SecretStr("")

    worker_keys: Annotated[
        SecretStr,
        Field(
            validation_alias="RECOURSE_WORKER_KEYS",
            description="Keys that only workers have: `name=base64,name2=base64`, 32 bytes each. If set, an activity "
            "runs only where an order of these workers asks for it. If not set, any program that can write to the "
            "namespace can have a worker pay. See [security.md](security.md).",
        ),
    ] = SecretStr("")

    deployment: Annotated[
        str,
        Field(
            # Temporal's controller for Kubernetes names both itself; an image may have a build id of its own.
            validation_alias=AliasChoices("TEMPORAL_DEPLOYMENT_NAME", "RECOURSE_DEPLOYMENT"),
            pattern=r"^[^.\s]{1,200}$|^$",
            description="The Worker Deployment name, such as `recourse`, without dots. If not set, workers are "
            "unversioned. See [upgrading.md](upgrading.md).",
        ),
    ] = ""
    build_id: Annotated[
        str,
        Field(
            validation_alias=AliasChoices("TEMPORAL_WORKER_BUILD_ID", "RECOURSE_BUILD_ID"),
            max_length=200,
            description="This worker's build id in the deployment. The image has one if it was built with one. "
            "Required with `RECOURSE_DEPLOYMENT`.",
        ),
    ] = ""

    # OpenTelemetry reads this and all of its OTEL_* itself. It would log what it cannot use, whatever is in it.
    traces_endpoint: Annotated[
        str,
        Field(validation_alias=AliasChoices("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")),
        WEB_ADDRESS,
    ] = ""

    @property
    def brand(self) -> Brand:
        """Whose pages and mails these are."""
        return Brand(self.brand_name.strip(), self.brand_logo, self.brand_color, self.home_url, self.language)

    @property
    def link_ring(self) -> KeyRing:
        """The keys of links in mails. Raises BadSettings."""
        return read_ring("RECOURSE_LINK_KEYS", self.link_keys)

    @property
    def own_search_attributes(self) -> dict[str, str]:
        """The kind of each search attribute of the marketplace's own, by name."""
        return read_own(self.search_attributes)

    @property
    def payload_ring(self) -> KeyRing:
        """The keys by which payloads are encrypted. Raises BadSettings."""
        return read_ring("RECOURSE_PAYLOAD_KEYS", self.payload_keys)

    @property
    def actor_ring(self) -> KeyRing:
        """The keys by which actors are proven. Raises BadSettings."""
        return read_ring("RECOURSE_ACTOR_KEYS", self.actor_keys)

    @property
    def worker_ring(self) -> KeyRing:
        """The keys by which workers prove to each other that they ask for an activity. Raises BadSettings."""
        return read_ring("RECOURSE_WORKER_KEYS", self.worker_keys)


def read_ring(variable: str, text: SecretStr) -> KeyRing:
    """The keys that a variable holds. Raises BadSettings."""
    try:
        return KeyRing.read(text.get_secret_value())
    except BadKeys as error:
        raise BadSettings(f"{variable}: {error}") from error


Some = TypeVar("Some", bound=BaseSettings)


def _variable(kind: type[BaseSettings], name: str) -> str:
    """Which variable is meant, where the setting of this name has several."""
    for field in kind.model_fields.values():
        choices = field.validation_alias.choices if isinstance(field.validation_alias, AliasChoices) else []
        if name in choices:
            return next((str(choice) for choice in choices if os.environ.get(str(choice))), name)
    return name


def read_environment(kind: type[Some]) -> Some:
    """Settings of one kind. Raises BadSettings, which repeats no value."""
    try:
        return kind()
    except ValidationError as error:
        wrong = (f"{_variable(kind, where.split('.')[0])}: {why}" for where, why in unfit(error.errors()).items())
        # Not "from error": that one repeats values.
        raise BadSettings("; ".join(wrong)) from None


def read_origins(variable: str, origins: Iterable[str]) -> tuple[str, ...]:
    """The origins that a variable holds. Raises BadSettings."""
    found = []
    for number, origin in enumerate(origins, 1):
        try:
            found.append(read_origin(origin))
        except ValueError as error:
            raise BadSettings(f"{variable}: number {number} is not an origin: {error}") from None
    return tuple(found)


def _check_proxies() -> None:
    """Raises BadSettings where webhooks would go to a proxy whose address cannot be used."""
    for scheme, address in getproxies().items():
        if scheme in ("http", "https", "all"):
            try:
                read_url(address if "://" in address else f"http://{address}", "http", "https")
            except ValueError as error:
                raise BadSettings(f"{scheme.upper()}_PROXY: {error}") from None


def read_settings() -> Settings:
    """The settings of this process. Raises BadSettings."""
    settings = read_environment(Settings)
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
    if settings.webhook_url:
        _check_proxies()
    return settings
