"""What the HTTP server is told by its environment."""

from typing import Annotated

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from activities.settings import BadSettings
from starter.http.tokens import KeyRing


class WebSettings(BaseSettings):
    """Read from the environment, beside the settings that every program of ours reads."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    token_keys: Annotated[SecretStr, Field(validation_alias="RECOURSE_TOKEN_KEYS")] = SecretStr("")


def read_keys() -> KeyRing:
    """The key ring of RECOURSE_TOKEN_KEYS. Raises BadSettings."""
    try:
        return KeyRing.read(WebSettings().token_keys.get_secret_value())
    except (ValueError, ValidationError) as error:
        raise BadSettings(f"RECOURSE_TOKEN_KEYS: {error}") from error
