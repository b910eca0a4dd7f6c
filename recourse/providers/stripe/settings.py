"""The settings of Stripe's adapter, from the environment."""

from typing import Annotated

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from recourse.runtime.settings import WEB_ADDRESS, BadSettings, read_environment


class StripeSettings(BaseSettings):
    """What the adapter reads."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    key: Annotated[
        SecretStr,
        Field(
            validation_alias="RECOURSE_STRIPE_KEY",
            description="The secret key of the platform's account at Stripe, `sk_…`, or a restricted one, `rk_…`. "
            "Required.",
        ),
    ] = SecretStr("")
    webhook_secret: Annotated[
        SecretStr,
        Field(
            validation_alias="RECOURSE_STRIPE_WEBHOOK_SECRET",
            description="The secret of the endpoint at Stripe that sends its events here, `whsec_…`; several are "
            "separated by spaces. If not set, no event is taken.",
        ),
    ] = SecretStr("")
    url: Annotated[
        str,
        Field(
            validation_alias="RECOURSE_STRIPE_URL",
            description="Where Stripe's API is, if not at Stripe's own address.",
        ),
        WEB_ADDRESS,
    ] = ""


def read_stripe() -> StripeSettings:
    """The settings of this process. Raises BadSettings."""
    settings = read_environment(StripeSettings)
    key = settings.key.get_secret_value()
    if not key.startswith(("sk_", "rk_")) or key != key.strip() or not key.isascii():
        wrong = "is not a secret key of Stripe's" if key else "is not set"
        raise BadSettings(f"RECOURSE_STRIPE_KEY {wrong}: it begins with sk_ or rk_.")
    if any(not secret.startswith("whsec_") for secret in settings.webhook_secret.get_secret_value().split()):
        raise BadSettings("RECOURSE_STRIPE_WEBHOOK_SECRET: a secret of an endpoint at Stripe begins with whsec_.")
    return settings
