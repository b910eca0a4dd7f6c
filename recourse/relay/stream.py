"""The stream of NATS JetStream that takes the events: reaching it, what is wrong with it, and publishing."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import nats
import nats.errors
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.api import DiscardPolicy, StorageType, StreamConfig
from nats.js.errors import APIError, NotFoundError, ServiceUnavailableError

from recourse.database.changes import Change
from recourse.errors import BadInput, RecourseError, Unreachable
from recourse.relay.events import MEDIA_TYPE, as_bytes, subject_of
from recourse.relay.settings import SERVERS
from recourse.runtime.urls import read_url

# Seconds.
CONNECTS_WITHIN = 5
ACKS_WITHIN = 5.0
WINDOW_AT_LEAST = 60.0
DAY = 86400.0


class NatsUnreachable(Unreachable):
    """NATS does not answer, or does not take the events; the text says why. It may be tried again."""


class BadStream(BadInput):
    """NATS has no stream that can take the events; the text says what to do."""


class Stream:
    """The stream that takes the subjects of a prefix."""

    def __init__(self, client: Client, said: list[str], prefix: str) -> None:
        self._client, self._said, self._prefix = client, said, prefix
        self._stream: JetStreamContext = client.jetstream(timeout=ACKS_WITHIN)
        self.name = ""
        # What of its settings drops events, or doubles them.
        self.warnings: list[str] = []

    @property
    def connected(self) -> bool:
        """Whether there is a connection at the moment."""
        return self._client.is_connected

    async def find(self) -> None:
        """Find the stream and look at its settings. Raises BadStream and NatsUnreachable."""
        wanted = f"{self._prefix}.*.changed"
        try:
            self.name = await self._stream.find_stream_name_by_subject(wanted)
            config = (await self._stream.stream_info(self.name)).config
        except NotFoundError:
            raise BadStream(
                f"This NATS has no stream that takes {wanted}. Make one, such as with: "
                f"nats stream add RECOURSE --subjects '{self._prefix}.>' --defaults"
            ) from None
        except ServiceUnavailableError:
            raise BadStream("This NATS has no JetStream: start it with -js, or give the account JetStream.") from None
        except (nats.errors.Error, OSError) as error:
            raise self._failed(error, f"look for a stream of {wanted}") from error
        if config.no_ack:
            raise BadStream(f"The stream {self.name} acknowledges nothing (no_ack): nothing is known to arrive there.")
        self.warnings = [f"The stream {self.name} {why}." for why in _wrong(config)]

    async def publish(self, changes: Sequence[Change]) -> None:
        """Publish changes, and wait until the stream has them. Those of an order come in their order.

        Raises NatsUnreachable; then some are there, which the stream drops where they come again soon.
        """
        orders: dict[str, list[Change]] = {}
        for change in changes:
            orders.setdefault(change.order_id, []).append(change)
        ended = await asyncio.gather(*map(self._publish, orders.values()), return_exceptions=True)
        for error in ended:
            if isinstance(error, (nats.errors.Error, OSError)):
                raise self._failed(error, f"publish to {self._prefix}.*.changed") from error
            if error is not None:
                raise error
        self._said.clear()

    async def _publish(self, changes: Sequence[Change]) -> None:
        for change in changes:
            await self._stream.publish(
                subject_of(self._prefix, change.order_id),
                as_bytes(change),
                stream=self.name,
                headers={"Nats-Msg-Id": str(change.id), "Content-Type": MEDIA_TYPE},
            )

    def _failed(self, error: Exception, what: str) -> NatsUnreachable:
        why = self._said[-1] if self._said else _text(error)
        if not self.connected:
            return NatsUnreachable(f"The connection to NATS is lost ({why}).")
        return NatsUnreachable(f"NATS did not let the relay {what} ({why}).")


@asynccontextmanager
async def connected(servers: Sequence[str], credentials: Path | None, prefix: str) -> AsyncIterator[Stream]:
    """The stream, for as long as the block runs; a connection that is lost is made again.

    Raises NatsUnreachable and BadStream.
    """
    said: list[str] = []

    async def hear(error: Exception) -> None:
        said[:] = [_text(error)]

    client = Client()
    try:
        try:
            async with asyncio.timeout(CONNECTS_WITHIN):
                await client.connect(
                    servers=list(servers),
                    name="recourse relay",
                    user_credentials=str(credentials) if credentials else None,
                    error_cb=hear,
                    max_reconnect_attempts=-1,
                    reconnect_time_wait=1,
                    connect_timeout=CONNECTS_WITHIN,
                )
        except Exception as error:
            if isinstance(error, RecourseError):
                raise
            why = said[-1] if said else _text(error)
            raise NatsUnreachable(f"NATS cannot be reached at {_places(servers)} ({why}).") from error
        stream = Stream(client, said, prefix)
        await stream.find()
        yield stream
    finally:
        with suppress(nats.errors.Error, OSError, asyncio.TimeoutError):
            await client.close()


def _places(servers: Sequence[str]) -> str:
    """The servers without their passwords."""
    urls = [read_url(server, *SERVERS) for server in servers]
    return ", ".join(f"{url.host}:{url.port or 4222}" for url in urls)


def _text(error: Exception) -> str:
    if isinstance(error, APIError):
        return error.description or str(error)
    return str(error).removeprefix("nats: ").rstrip(".") or type(error).__name__


def _wrong(config: StreamConfig) -> list[str]:
    found = []
    full = [f"{name} {limit}" for name, limit in (("max_msgs", config.max_msgs), ("max_bytes", config.max_bytes))
            if limit is not None and limit > 0]  # fmt: skip
    if full:
        drops = config.discard in (None, DiscardPolicy.OLD)
        found.append(
            f"drops its oldest events when it is full ({', '.join(full)})"
            if drops
            else f"takes no more when it is full ({', '.join(full)}): the relay then waits"
        )
    if config.max_msgs_per_subject > 0:
        found.append(f"keeps only {config.max_msgs_per_subject} events of an order (max_msgs_per_subject)")
    if config.max_age and config.max_age < DAY:
        found.append(f"drops events after {config.max_age:g} s (max_age)")
    if config.storage == StorageType.MEMORY:
        found.append("is kept in memory: a restart of NATS loses it")
    if config.duplicate_window < WINDOW_AT_LEAST:
        found.append(
            f"knows events again for {config.duplicate_window:g} s only (duplicate_window): "
            "after a longer outage some come twice"
        )
    return found
