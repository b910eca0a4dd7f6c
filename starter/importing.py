"""Bringing orders that began elsewhere, line by line, however many a file has."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from recourse.errors import BadInput, BadOpening, OrderNotRunning, RecourseError, Unreachable
from recourse.policies import load_policy
from recourse.resolution.model.fields import excerpt
from recourse.resolution.model.order import Opening
from recourse.resolution.model.policy import Policy, PolicyError
from recourse.resolution.model.unfit import unfit
from recourse.resolution.rules.importing import contradictions
from recourse.runtime.currencies import UnusableCurrency, check_currency
from recourse.runtime.exact_json import read_json
from recourse.starter.client import Recourse
from recourse.starter.reading import now
from recourse.starter.start_order import StartOrder

# So many orders are on their way to the servers at once.
AT_ONCE = 32
LONGEST_LINE = 256 * 1024  # bytes
Status = Literal["fits", "started", "already_there", "refused", "unknown"]


@dataclass(frozen=True)
class Result:
    """What came of one line. `unknown`: the servers did not answer, so it may have started or not."""

    line: int
    order_id: str | None
    status: Status
    sentences: tuple[str, ...] = ()


class BadLine(BadInput):
    """A line that is no opening, or one that contradicts itself."""

    def __init__(self, sentences: list[str], order_id: str | None = None) -> None:
        super().__init__("; ".join(sentences))
        self.sentences, self.order_id = sentences, order_id


@lru_cache(maxsize=64)
def _policy(name: str) -> Policy:
    return load_policy(name)


def read_line(text: bytes) -> tuple[StartOrder, Policy]:
    """The opening in a line, checked by the rules. Raises BadLine."""
    if len(text) > LONGEST_LINE:
        raise BadLine([f"it is longer than {LONGEST_LINE} bytes"])
    try:
        value = read_json(text.decode(), _no_number)
    except (ValueError, RecursionError) as error:
        raise BadLine([excerpt(f"it is not JSON that can be used: {error}")]) from error
    if not isinstance(value, dict):
        raise BadLine(["it is not a JSON object"])
    order_id = _id_in(value)
    try:
        start = StartOrder.model_validate(value)
    except ValidationError as error:
        problems = unfit(error.errors())
        raise BadLine([f"{excerpt(where)}: {why}" for where, why in problems.items()], order_id) from error
    wrong = []
    try:
        check_currency(start.terms.currency)
    except UnusableCurrency as error:
        wrong.append(f"terms.currency: {error}")
    try:
        policy = _policy(start.policy)
    except PolicyError as error:
        raise BadLine([*wrong, f"policy: {error}".replace("\n", "; ")], order_id) from error
    opening = Opening(terms=start.terms, policy=policy, record_salt="of no matter here", state=start.state)
    if wrong := [*wrong, *contradictions(opening, now())]:
        raise BadLine(wrong, order_id)
    return start, policy


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is not a JSON number")


def _id_in(value: dict[str, Any]) -> str | None:
    terms = value.get("terms")
    order_id = terms.get("order_id") if isinstance(terms, dict) else None
    return excerpt(order_id)[:200] if isinstance(order_id, str) else None


def lines_of(path: Path) -> Iterator[tuple[int, bytes]]:
    """The lines of a file that are not blank, with their numbers. One that is too long is cut. Raises OSError."""
    with path.open("rb") as file:
        number = 0
        while text := file.readline(LONGEST_LINE + 2):
            number += 1
            whole = text
            while not whole.endswith(b"\n") and (whole := file.readline(LONGEST_LINE)):
                pass
            if text.strip():
                yield number, text


def check_lines(path: Path) -> Iterator[Result]:
    """What the rules say to each line; nothing starts. Raises OSError."""
    for number, text in lines_of(path):
        try:
            start, _ = read_line(text)
        except BadLine as bad:
            yield Result(number, bad.order_id, "refused", tuple(bad.sentences))
        else:
            yield Result(number, start.terms.order_id, "fits")


async def import_lines(recourse: Recourse, path: Path, stop: asyncio.Event) -> AsyncIterator[Result]:
    """Start the order of each line, and what came of it, as they come. After `stop`, or once the servers do not answer,
    no further line is taken, and those on their way are waited for. Raises OSError."""
    pending: set[asyncio.Task[Result]] = set()

    async def ended(at_most: int) -> AsyncIterator[Result]:
        nonlocal pending
        while len(pending) > at_most:
            done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                if task.result().status == "unknown":
                    stop.set()
                yield task.result()

    for number, text in lines_of(path):
        async for result in ended(AT_ONCE - 1):
            yield result
        if stop.is_set():
            break
        pending.add(asyncio.create_task(_bring(recourse, number, text)))
    async for result in ended(0):
        yield result


async def _bring(recourse: Recourse, number: int, text: bytes) -> Result:
    try:
        start, policy = read_line(text)
    except BadLine as bad:
        return Result(number, bad.order_id, "refused", tuple(bad.sentences))
    order_id = start.terms.order_id
    try:
        fresh = await recourse.bring(
            start.terms, policy, provider=start.provider, emails=start.emails, display=start.display, state=start.state
        )
    except BadOpening as error:
        return Result(number, order_id, "refused", tuple(error.contradictions))
    except RecourseError as error:
        away = isinstance(error, Unreachable) and not isinstance(error, OrderNotRunning)
        return Result(number, order_id, "unknown" if away else "refused", (str(error),))
    return Result(number, order_id, "started" if fresh else "already_there")
