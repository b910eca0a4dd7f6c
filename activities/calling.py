"""Calls of an extension, such as a payment provider, limited in number and time, so that none holds up another."""

import asyncio
import inspect
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any

from recourse.activities.extensions import limits_of
from recourse.activities.providers import TryLater
from recourse.database.payments import PaymentLeg

# How many more calls of a provider may wait for their turn; others are refused, and come again later. So a provider
# that hangs holds only a few of a worker's places for activities.
WAITING = 64
# No call begins with less time than this, unless the provider's own timeout is shorter.
LEAST = 3.0  # seconds


class Calls:
    """The calls of one extension by one process. `unended` has the keys of payments whose calls have not ended."""

    def __init__(self, name: str, provider: Any) -> None:
        self.provider = provider
        self.unended: set[str] = set()
        self._name = name
        self._at_once, self._seconds = limits_of(provider)
        self._places = asyncio.Semaphore(self._at_once)
        self._waiting = 0

    async def call(
        self,
        method: Callable[[Any], Any],
        argument: Any,
        until: float,
        *,
        key: str = "",
        first: Callable[[], Awaitable[None]] | None = None,
    ) -> Any:
        """Call a method of the provider; what it returns. `until`: the loop's time at which the call must have ended.

        `first` runs just before the call begins. Raises what the provider raises, TimeoutError for a call that
        hangs, and TryLater where it could not begin in time. A call that hangs keeps its place until it ends: a thread
        cannot be ended from outside.
        """
        loop = asyncio.get_running_loop()
        await self._wait_for_place(until - min(self._seconds, LEAST))
        held = 1

        def let_go(ended: asyncio.Future[Any] | None = None) -> None:
            nonlocal held
            held -= 1
            if ended is not None and not ended.cancelled():
                ended.exception()  # counts as seen: nobody may be waiting for it any more
            if not held:
                self.unended.discard(key)
                self._places.release()

        async def answer(future: asyncio.Future[Any]) -> Any:
            nonlocal held
            held += 1
            future.add_done_callback(let_go)
            try:
                done, _ = await asyncio.wait({future}, timeout=ends - loop.time())
            finally:
                if isinstance(future, asyncio.Task):
                    future.cancel()
            if not done:
                raise TimeoutError(f"{self._name} gave no answer within {self._seconds:g} s.")
            return future.result()

        try:
            if first is not None:
                await first()
            if key:
                self.unended.add(key)
            ends = min(loop.time() + self._seconds, until)
            if inspect.iscoroutinefunction(method):
                return await answer(asyncio.ensure_future(method(argument)))
            made = await answer(_in_thread(method, argument, f"call-{self._name}"))
            return await answer(asyncio.ensure_future(made)) if inspect.isawaitable(made) else made
        finally:
            let_go()

    async def reference(self, method: Callable[[Any], Any], leg: PaymentLeg, until: float, **how: Any) -> str | None:
        """Call a method with a leg, as `call` does; a reference or None. Raises TypeError for anything else."""
        said = await self.call(method, leg, until, **how)
        if said is None or (isinstance(said, str) and said.strip()):
            return said
        named = f"{self._name}.{getattr(method, '__name__', '')}"
        raise TypeError(f"{named} returned {said!r:.80}, which is neither a reference nor None.")

    async def _wait_for_place(self, until: float) -> None:
        busy = f"{self._at_once} calls of {self._name} are under way, and none has ended in time."
        too_late = asyncio.get_running_loop().time() >= until
        if too_late or (self._places.locked() and self._waiting >= WAITING):
            raise TryLater(busy)
        self._waiting += 1
        try:
            async with asyncio.timeout_at(until):
                await self._places.acquire()
        except TimeoutError:
            raise TryLater(busy) from None
        finally:
            self._waiting -= 1


def _in_thread(method: Callable[[Any], Any], argument: Any, name: str) -> asyncio.Future[Any]:
    """What a method returns in a thread of its own. A thread that hangs does not hold up the end of the process."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Any] = loop.create_future()

    def run() -> None:
        try:
            say = partial(future.set_result, method(argument))
        except StopIteration:
            say = partial(future.set_exception, RuntimeError("it raised StopIteration"))
        except BaseException as error:  # noqa: BLE001 - it is the caller's
            say = partial(future.set_exception, error)
        # The loop may be over: nobody waits for the answer then.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(say)

    threading.Thread(target=run, name=name, daemon=True).start()
    return future
