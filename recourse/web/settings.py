"""What the HTTP server is told by its environment."""

from typing import Annotated

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from recourse.runtime.settings import BadSettings, read_environment, read_origins
from recourse.web.tokens import KeyRing


class WebSettings(BaseSettings):
    """Read from the environment, beside the settings that every program of ours reads."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    token_keys: Annotated[SecretStr, Field(validation_alias="RECOURSE_TOKEN_KEYS")] = SecretStr("")
    frame_ancestors: Annotated[str, Field(validation_alias="RECOURSE_FRAME_ANCESTORS")] = ""


def read_frame_ancestors() -> tuple[str, ...]:
    """The origins of RECOURSE_FRAME_ANCESTORS, whose pages may show ours in a frame. Raises BadSettings."""
    return read_origins("RECOURSE_FRAME_ANCESTORS", read_environment(WebSettings).frame_ancestors.split())


def read_keys() -> KeyRing:
    """The key ring of RECOURSE_TOKEN_KEYS. Raises BadSettings."""
    try:
        return KeyRing.read(read_environment(WebSettings).token_keys.get_secret_value())
    except ValueError as error:
        raise BadSettings(f"RECOURSE_TOKEN_KEYS: {error}") from error
