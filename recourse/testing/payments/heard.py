"""What was said between the worker and an adapter, in words."""

import inspect
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from recourse.ports import PaymentLeg
from recourse.resolution.model.amounts import write_amount

__all__ = ["Heard"]

_OTHER = ("concurrency", "timeout")


class Heard:
    """`provider` is the adapter, listened to: its calls are added to `words`, and its legs, by key, to `legs`."""

    def __init__(self, adapter: Any) -> None:
        self.words: list[str] = []
        self.legs: dict[str, PaymentLeg] = {}
        self.calls = 0
        methods = {
            name: self._listened(name, getattr(adapter, name)) for name in ("pay", "find") if hasattr(adapter, name)
        }
        self.provider: Any = SimpleNamespace(
            **methods, **{name: getattr(adapter, name) for name in _OTHER if hasattr(adapter, name)}
        )

    def _listened(self, name: str, method: Callable[[PaymentLeg], Any]) -> Callable[[PaymentLeg], Any]:
        async def finished(leg: PaymentLeg, made: Any) -> Any:
            try:
                answer = await made
            except Exception as error:
                self._failed(name, leg, error)
                raise
            return self._answered(name, leg, answer)

        async def coroutine(leg: PaymentLeg) -> Any:
            return await finished(leg, method(leg))

        def plain(leg: PaymentLeg) -> Any:
            try:
                answer = method(leg)
            except Exception as error:
                self._failed(name, leg, error)
                raise
            return finished(leg, answer) if inspect.isawaitable(answer) else self._answered(name, leg, answer)

        return coroutine if inspect.iscoroutinefunction(method) else plain

    def _answered(self, name: str, leg: PaymentLeg, answer: Any) -> Any:
        self._call(name, leg, f"returns {answer!r}")
        return answer

    def _failed(self, name: str, leg: PaymentLeg, error: Exception) -> None:
        self._call(name, leg, f"raises {type(error).__name__}: {error}")

    def _call(self, name: str, leg: PaymentLeg, result: str) -> None:
        self.calls += 1
        if name == "pay":
            self.legs[leg.key] = leg
        self.words.append(f"  {name}({leg.key}, {write_amount(leg.amount, leg.currency)}) {result}")
