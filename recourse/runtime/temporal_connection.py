"""The connection to Temporal, by the standard TEMPORAL_* variables and the profile file, TLS included."""

import asyncio
import atexit
import time
from functools import cache
from typing import Any

from temporalio.client import Client, Interceptor
from temporalio.envconfig import ClientConfig
from temporalio.service import RPCError

from recourse.errors import TemporalUnreachable
from recourse.runtime.actors import Actors, SignsCommands
from recourse.runtime.binding import BindsMessages
from recourse.runtime.encryption import encrypts, for_callers
from recourse.runtime.settings import BadSettings, read_settings
from recourse.runtime.tracing import tracing
from recourse.runtime.urls import read_url

PATIENCE = 10.0  # seconds


async def connect(**over: Any) -> Client:
    """A client as the environment says; `over` replaces single settings, such as `target_host`.

    TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TEMPORAL_API_KEY, TEMPORAL_TLS_* and TEMPORAL_PROFILE are read, as every
    Temporal tool reads them; RECOURSE_PAYLOAD_KEYS, where set, encrypts what is sent, and RECOURSE_ACTOR_KEYS signs it;
    OTEL_EXPORTER_OTLP_ENDPOINT traces it.
    Raises TemporalUnreachable, BadSettings.
    """
    settings = read_settings()
    over.setdefault("data_converter", for_callers(settings.payload_ring))
    ours: list[Interceptor] = [SignsCommands(Actors(settings.actor_ring))] if settings.actor_ring else []
    # Behind the signature, which is over what is said.
    ours += [BindsMessages()] if encrypts(over["data_converter"]) else []
    traced = tracing(settings)
    over.setdefault("interceptors", [*ours, traced] if traced else ours)
    try:
        config: dict[str, Any] = {**ClientConfig.load_client_connect_config(), **over}
    except (RuntimeError, ValueError, OSError) as error:
        raise TemporalUnreachable(f"Temporal: its settings cannot be read: {error}") from error
    address = config.setdefault("target_host", "localhost:7233")
    try:
        read_url(address if "://" in address else f"http://{address}", "http", "https", user=False, path=False)
    except ValueError as error:
        raise BadSettings(f"TEMPORAL_ADDRESS: {error}, or host:port alone") from None
    try:
        async with asyncio.timeout(PATIENCE):
            _let_the_sdk_rest()
            return await Client.connect(**config)
    except (RuntimeError, RPCError, TimeoutError) as error:
        raise TemporalUnreachable(
            f"Temporal at {address} cannot be reached: {_why(error)}. "
            "Check that it runs and that TEMPORAL_ADDRESS names it."
        ) from error


# What the SDK says holds Rust's own names; these parts of it are known, in lower case.
_WHY = {
    "connection refused": "nothing listens there",
    "connectionrefused": "nothing listens there",
    "dns error": "there is no machine of this name",
    "failed to lookup": "there is no machine of this name",
    "certificate": "the certificates do not fit",
    "tls": "the two sides do not agree on TLS",
    "invalid uri": "this is no address, such as temporal.example:7233",
    "invalid url": "this is no address, such as temporal.example:7233",
    "relative url": "this is no address, such as temporal.example:7233",
    "unauth": "the credentials are not taken",
    "permission": "the credentials are not taken",
}


def _why(error: Exception) -> str:
    said = str(error).lower()
    return next((words for part, words in _WHY.items() if part in said), "no answer")


@cache
def _let_the_sdk_rest() -> None:
    # A process that ends within some 10 ms after its last call to the SDK crashes at times.
    atexit.register(time.sleep, 0.1)
