"""What the HTTP server is told by its environment."""

import re
from typing import Annotated

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from activities.settings import BadSettings
from starter.http.tokens import KeyRing


class WebSettings(BaseSettings):
    """Read from the environment, beside the settings that every program of ours reads."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    token_keys: Annotated[SecretStr, Field(validation_alias="RECOURSE_TOKEN_KEYS")] = SecretStr("")
    frame_ancestors: Annotated[str, Field(validation_alias="RECOURSE_FRAME_ANCESTORS")] = ""


_ORIGIN = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?")


def read_frame_ancestors() -> tuple[str, ...]:
    """The origins of RECOURSE_FRAME_ANCESTORS, whose pages may show ours in a frame. Raises BadSettings."""
    origins = tuple(WebSettings().frame_ancestors.split())
    wrong = [origin for origin in origins if not _ORIGIN.fullmatch(origin)]
    if wrong:
        raise BadSettings(
            f"RECOURSE_FRAME_ANCESTORS: {wrong[0]!r} is not an origin: write https://market.example, "
            "several with blanks between."
        )
    return origins


def read_keys() -> KeyRing:
    """The key ring of RECOURSE_TOKEN_KEYS. Raises BadSettings."""
    try:
        return KeyRing.read(WebSettings().token_keys.get_secret_value())
    except (ValueError, ValidationError) as error:
        raise BadSettings(f"RECOURSE_TOKEN_KEYS: {error}") from error
