"""`recourse order revive` and `repair`: an order and its workflow are brought together again."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import asdict, dataclass
from typing import Annotated

from cyclopts import Parameter

from recourse.cli.output import DONE, NO, Json, Stop, Yes, ask, complain, console, say_json
from recourse.errors import NoSuchOrder
from recourse.resolution.model.data_version import NeedsNewerBuild
from recourse.resolution.model.fields import visible
from recourse.starter.client import Recourse
from recourse.starter.doctor import suspects
from recourse.starter.recovering import CannotRecover, Done, Finding, Recovery, State, counted
from recourse.starter.temporal_errors import explaining_temporal_errors

All = Annotated[bool, Parameter(name="--all", negative="")]
# Of many orders, so many are named before anything is done, and so many are seen to at once.
SHOWN = 20
AT_ONCE = 8
Full = Annotated[bool, Parameter(negative="")]


async def revive(
    order_id: str | None = None, /, *, all_: All = False, full: Full = False, yes: Yes = False, json: Json = False
) -> int:
    """Restart an order whose workflow is lost or behind the database. Nothing is paid or sent twice.

    A workflow that was terminated, deleted or restored from a backup starts again from the database. Answers, money
    and notices stay as they are; pending commands and clocks are processed. An order that runs or is over is left
    alone.

    Parameters
    ----------
    order_id
        The order's id.
    all_
        Every order that needs it. Lists them and asks for confirmation.
    full
        With --all: compare every order with its history. Needed after Temporal was restored from a backup.
    """
    return await _bring_together(_REVIVE, order_id, full, _Asked(all_, yes, json))


async def repair(order_id: str | None = None, /, *, all_: All = False, yes: Yes = False, json: Json = False) -> int:
    """Restore the steps that the database lost, exactly as they were, from Temporal's histories.

    If the histories do not hold all lost steps of an order, that order stays unchanged. A build restores what builds
    of its own data version decided, and says which other build must restore the rest.

    Parameters
    ----------
    order_id
        The order's id.
    all_
        Every order that needs it. Checks each, lists them and asks for confirmation.
    """
    # What a database lost need not show in what Temporal lists.
    return await _bring_together(_REPAIR, order_id, True, _Asked(all_, yes, json))


@dataclass(frozen=True)
class _Way:
    """A way to bring orders and their workflows together: its verb, which orders need it, and what it does to each."""

    verb: str
    states: tuple[State, ...]
    do: Callable[[Recovery, str], Awaitable[Done]]


_REVIVE = _Way("revive", ("orphaned", "temporal_behind"), lambda recovery, order_id: recovery.revive(order_id))
_REPAIR = _Way("repair", ("database_behind",), lambda recovery, order_id: recovery.repair(order_id))


@dataclass(frozen=True)
class _Asked:
    """What was typed about many orders, and how to answer."""

    every: bool
    yes: bool
    json: bool


async def _bring_together(way: _Way, order_id: str | None, full: bool, asked: _Asked) -> int:
    if (order_id is None) != asked.every:
        raise Stop("Name an order or pass --all.")
    async with Recourse.connect() as recourse:
        with explaining_temporal_errors():
            recovery = Recovery(recourse)
            if order_id is None:
                return await _every_order(way, recovery, recourse, full, asked)
            _say([await way.do(recovery, order_id)], asked.json)
            return DONE


async def _every_order(way: _Way, recovery: Recovery, recourse: Recourse, full: bool, asked: _Asked) -> int:
    json, verb = asked.json, way.verb
    found, failed = list[Finding](), 0
    async for one in _wanted(recourse, recovery, full, way.states):
        if isinstance(one, Finding):
            found.append(one)
        else:
            failed += 1
            complain(Stop(str(one)))
    if not found:
        if json:
            say_json([])
        else:
            console().print(f"There is no {'other ' if failed else ''}order to {verb}.")
        return NO if failed else DONE
    if not json:
        for one in found[:SHOWN]:
            console().print(f"{one.order_id}: {visible(one.says)}.")
        if len(found) > SHOWN:
            console().print(f"And {len(found) - SHOWN} more.")
    # At the wrong Temporal every order seems lost.
    temporal = recourse.temporal
    where = f"Temporal at {temporal.service_client.config.target_host}, namespace {temporal.namespace}"
    ask(f"{verb.capitalize()} {counted(len(found), 'order')} now, on {where}?", yes=asked.yes)
    all_done = list[Done]()
    for some in _chunks([one.order_id for one in found]):
        try:
            ends = await asyncio.gather(*(_done(way, recovery, each) for each in some))
        except BaseException:
            # One that began again, and was not sent what nobody had decided, is no longer found as one that needs it.
            named = ", ".join(some)
            complain(Stop(f"These may be half done: run `recourse order {verb} ORDER` for each of {named}."))
            raise
        for order_id, end in zip(some, ends, strict=True):
            failed += not isinstance(end, Done)
            done = end if isinstance(end, Done) else Done(order_id, str(end))
            all_done.append(done)
            if not json:
                _say([done], json)
    if json:
        _say(all_done, json)
    return NO if failed else DONE


async def _done(way: _Way, recovery: Recovery, order_id: str) -> Done | CannotRecover | NeedsNewerBuild | NoSuchOrder:
    try:
        return await way.do(recovery, order_id)
    except (CannotRecover, NeedsNewerBuild, NoSuchOrder) as error:
        return error


async def _wanted(
    recourse: Recourse, recovery: Recovery, full: bool, states: tuple[State, ...]
) -> AsyncIterator[Finding | NeedsNewerBuild]:
    looked_at = list[str]()
    async for order_id in suspects(recourse, each=full):
        looked_at.append(order_id)
        if len(looked_at) == AT_ONCE:
            for end in await _examined(recovery, looked_at, states):
                yield end
            looked_at.clear()
    for end in await _examined(recovery, looked_at, states):
        yield end


async def _examined(
    recovery: Recovery, order_ids: list[str], states: tuple[State, ...]
) -> list[Finding | NeedsNewerBuild]:
    """Those of these orders that stand so, or that only a newer build can read.

    Some may be gone by now: Temporal's lists lag.
    """
    ends = await asyncio.gather(*map(recovery.examine, order_ids), return_exceptions=True)
    for end in ends:
        if isinstance(end, BaseException) and not isinstance(end, NeedsNewerBuild | NoSuchOrder):
            raise end
    return [
        end for end in ends if isinstance(end, NeedsNewerBuild) or (isinstance(end, Finding) and end.state in states)
    ]


def _chunks(order_ids: list[str]) -> list[list[str]]:
    return [order_ids[start : start + AT_ONCE] for start in range(0, len(order_ids), AT_ONCE)]


def _say(done: list[Done], json: bool) -> None:
    if json:
        say_json([asdict(one) for one in done])
        return
    for one in done:
        again = f" Sent again: {counted(one.sent_again, 'undecided message')}." if one.sent_again else ""
        console().print(f"{visible(one.says)}{again}")
