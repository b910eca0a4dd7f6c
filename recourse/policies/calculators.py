"""A marketplace's own score calculators, from the packages that are installed with Recourse."""

from concurrent.futures import Future
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import entry_points
from threading import Thread
from typing import Any

from recourse.resolution.model.facts import Facts
from recourse.resolution.model.policy import PolicyError
from recourse.resolution.shown.scores import Calculator, register

GROUP = "recourse.calculators"
PATIENCE = 5.0  # seconds
_AT = datetime(2025, 3, 3, 9, tzinfo=UTC)
_COMPLETED = Facts(
    order_id="trial", policy="trial", client="c-1", freelancer="f-1", currency="USD", price=10_000, ordered_at=_AT,
    closed_at=_AT, ending="completed", how=None, initiator=None, reason=None, fault="none", exempt=False,
    exempt_because=None, gross=10_000, lateness="on_time", delivered=True, communicated=False, explained=False,
    client_public=None, client_private=None, freelancer_public=None, calculator="trial", unpaid_silent="counted",
    repeat_count=0, repeat_within_seconds=0,
)  # fmt: skip
_TRIALS = (_COMPLETED, _COMPLETED.model_copy(update={"ending": "canceled", "how": "mutual", "gross": 0}))


@cache
def register_installed_calculators() -> None:
    """Make known what installed packages offer as entry points of the group `recourse.calculators`.

    Raises PolicyError, naming the entry point, where one cannot be used.
    """
    for point in entry_points(group=GROUP):
        try:
            calculator = point.load()
            if not isinstance(calculator, Calculator):
                raise TypeError(f"it is a {type(calculator).__name__}, not a recourse.ports.Calculator")
            _try(calculator)
            register(calculator)
        # Whatever a foreign package does, the reader learns which one it was.
        except Exception as error:
            why = (
                str(error) if isinstance(error, ImportError | AttributeError | TypeError | ValueError) else repr(error)
            )
            raise PolicyError(
                f"The score calculator {point.name} = {point.value} of an installed package cannot be used: {why}."
            ) from error


def _try(calculator: Calculator) -> None:
    """Score two orders on trial. Raises what the calculator raises, ValueError for nonsense, TimeoutError if it hangs.

    It also runs inside workflows, where one that hangs would stop its order.
    """
    done: Future[Any] = Future()

    def run() -> None:
        try:
            scores = [calculator.of([one]) for one in _TRIALS] + [calculator.of([])]
            wrong = [score for score in scores if not isinstance(score, int | float | None)]
            if wrong:
                raise ValueError(f"`score` returned {wrong[0]!r}: give a number, or None")
            done.set_result(None)
        except BaseException as error:  # noqa: BLE001 - it is the caller's
            done.set_exception(error)

    Thread(target=run, name=f"trial-{calculator.name}", daemon=True).start()
    try:
        done.result(PATIENCE)
    except TimeoutError:
        raise ValueError(f"it did not score two orders within {PATIENCE:g} seconds") from None
