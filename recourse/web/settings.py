"""The settings of the web server."""

from typing import Annotated

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from recourse.runtime.keys import KeyRing
from recourse.runtime.settings import BadSettings, read_environment, read_origins, read_ring


class WebSettings(BaseSettings):
    """Read from the environment, in addition to the settings of every program."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    token_keys: Annotated[
        SecretStr,
        Field(
            validation_alias="RECOURSE_TOKEN_KEYS",
            description="The keys that sign tokens, links and sessions: `name=base64,name2=base64`, 32 bytes each. "
            "The first key signs. Required.",
        ),
    ] = SecretStr("")
    calls_per_minute: Annotated[
        int,
        Field(
            validation_alias="RECOURSE_CALLS_PER_MINUTE",
            ge=0,
            le=1_000_000,
            description="How many calls each client, freelancer and operator may make a minute, on each web server. "
            "More get 429 and `Retry-After`. Services have no limit. 0: none has.",
        ),
    ] = 600
    frame_ancestors: Annotated[
        str,
        Field(
            validation_alias="RECOURSE_FRAME_ANCESTORS",
            description="The origins that may embed the pages in a frame, such as `https://market.example`, separated "
            "by spaces. If not set, none may.",
        ),
    ] = ""


def read_frame_ancestors() -> tuple[str, ...]:
    """The origins of RECOURSE_FRAME_ANCESTORS, whose pages may show ours in a frame. Raises BadSettings."""
    return read_origins("RECOURSE_FRAME_ANCESTORS", read_environment(WebSettings).frame_ancestors.split())


def read_calls_per_minute() -> int:
    """How many calls RECOURSE_CALLS_PER_MINUTE lets each person make; 0: any number. Raises BadSettings."""
    return read_environment(WebSettings).calls_per_minute


def read_keys() -> KeyRing:
    """The key ring of RECOURSE_TOKEN_KEYS. Raises BadSettings."""
    keys = read_ring("RECOURSE_TOKEN_KEYS", read_environment(WebSettings).token_keys)
    if not keys:
        raise BadSettings("RECOURSE_TOKEN_KEYS is not set: give it as ID=BASE64 of 32 bytes.")
    return keys
