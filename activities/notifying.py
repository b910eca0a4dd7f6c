"""Delivering notices: each channel at least once, and never again to a receiver that answered."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from typing import Any, NamedTuple, Protocol

from temporalio import activity
from temporalio.exceptions import ApplicationError

from recourse.activities.about import About
from recourse.activities.contract import DELIVER_NOTICES
from recourse.activities.extensions import NotDelivered
from recourse.resolution.model.display import Display
from recourse.resolution.model.notice import Notice, Receiver, read_notice
from recourse.runtime.metrics import Counts

# Longer than any channel's patience, so that nobody else takes up what is still being sent.
LEASE = timedelta(seconds=45)
# So much of an attempt's time is kept for the notice that is being sent when it runs out.
RESERVE = timedelta(seconds=30)
GIVEN_UP_AFTER = timedelta(days=7)
# A receiver that took some is there, and one that could not be asked because of us need not wait for long. Only who
# takes nothing is tried less and less often.
AFTER_SOME_WERE_TAKEN = timedelta(seconds=1)
AFTER_A_FAULT_OF_OURS = timedelta(seconds=30)
# So many deliveries of a worker may wait for one channel's receiver, which is one server; the others come again. So a
# receiver that hangs holds a few of a worker's places for activities, and payments and steps get the rest.
AT_ONCE = 32


class Channel(Protocol):
    """A way to reach receivers. `whole_steps`: one message has all notices of a step for a receiver."""

    name: str
    whole_steps: bool

    def receivers(self, contacts: Mapping[str, str]) -> Mapping[Receiver, str]:
        """The address of everybody whom it can reach. Those with one address are one receiver."""

    async def send(self, notice: Notice, receiver: str, about: About) -> None:
        """Send one notice to one address, with those that `about` names as well. Raises NotDelivered."""

    async def close(self) -> None:
        """Let go of connections."""


_WAITING = """
SELECT n.id, n.receiver AS "to", n.name, n.at, n.body, n.step FROM notices AS n
LEFT JOIN deliveries AS d ON d.notice_id = n.id AND d.channel = $2
WHERE
    n.order_id = $1 AND n.receiver = ANY($3) AND d.delivered_at IS NULL
    AND (
        n.written_at > now() - $4::interval
        -- Asked for by an operator: whatever its age, but nothing from before the channel was there at all.
        OR $5 AND EXISTS (
            SELECT 1 FROM notices AS tried INNER JOIN deliveries AS t ON t.notice_id = tried.id
            WHERE tried.order_id = $1 AND t.channel = $2 AND (tried.step, tried.line) <= (n.step, n.line)
        )
    )
ORDER BY n.step, n.line
"""
# The worker that gets a number back sends the notice. Nobody else does until the lease is over. The number tells leases
# apart. Without one: it has been delivered meanwhile, or somebody else is at it.
_CLAIM = """
WITH other_receiver AS (
    UPDATE held_channels SET until = now() WHERE channel = $2 AND address <> $4 AND until IS NULL
)
INSERT INTO deliveries AS d (notice_id, channel, attempts, leased_until)
SELECT $1::text, $2, 1, now() + $3::interval
WHERE NOT EXISTS (
    SELECT FROM held_channels WHERE channel = $2 AND address = $4 AND (until IS NULL OR until > now())
)
ON CONFLICT (notice_id, channel) DO UPDATE SET attempts = d.attempts + 1, leased_until = excluded.leased_until
WHERE d.delivered_at IS NULL AND (d.leased_until IS NULL OR d.leased_until <= now())
RETURNING attempts
"""
_UNCLAIMED = """
SELECT
    d.delivered_at IS NOT NULL AS delivered,
    h.channel IS NOT NULL AND h.until IS NULL AS disabled,
    h.until - now() AS wait
FROM (SELECT $1::text AS notice_id, $2::text AS channel) AS n
LEFT JOIN deliveries AS d USING (notice_id, channel)
LEFT JOIN held_channels AS h ON h.channel = n.channel AND h.address = $3 AND (h.until IS NULL OR h.until > now())
"""
# What is disabled stays so, whatever the receiver answers to what was on its way.
_HOLD = """
INSERT INTO held_channels AS h (channel, address, until) VALUES ($1, $2, now() + $3::interval)
ON CONFLICT (channel) DO UPDATE SET address = excluded.address, since = now(), until = excluded.until
WHERE h.address <> excluded.address OR h.until IS NOT NULL
"""
# Operators see what waits, and can send it once it has been given up.
_NOT_TRIED = """
INSERT INTO deliveries (notice_id, channel, attempts, last_error) VALUES ($1, $2, 0, $3)
ON CONFLICT (notice_id, channel) DO NOTHING
"""
_DELIVERED = """
UPDATE deliveries SET delivered_at = now(), leased_until = NULL, last_error = NULL
WHERE notice_id = $1 AND channel = $2 AND delivered_at IS NULL
RETURNING (SELECT extract(EPOCH FROM now() - n.written_at)::float8 FROM notices AS n WHERE n.id = notice_id)
"""
_STEP_AND_CONTACTS = """
SELECT s.step, c.role, c.email, o.client, o.freelancer, to_jsonb(d) - 'order_id' AS display
FROM order_states AS s
LEFT JOIN contacts AS c USING (order_id)
LEFT JOIN orders AS o USING (order_id)
LEFT JOIN displays AS d USING (order_id)
WHERE s.order_id = $1
"""
_REFUSED = """
UPDATE deliveries SET leased_until = NULL, last_error = $4
WHERE notice_id = $1 AND channel = $2 AND attempts = $3 AND delivered_at IS NULL
"""


class Queue(NamedTuple):
    """The notices that wait for one address on one channel, in order, grouped into messages."""

    channel: Channel
    address: str
    messages: Sequence[Sequence[Notice]]
    about: About

    @property
    def notices(self) -> list[Notice]:
        """All of them."""
        return [notice for message in self.messages for notice in message]


class Served(NamedTuple):
    """How many notices one receiver took, and why it got no more, if any are left: they wait, to be in order.

    `wait`: for so long the receiver asked to be left alone.
    """

    taken: int
    failure: str | None = None
    wait: timedelta | None = None


class Delivered(NamedTuple):
    """How many notices waited, how many were taken, and why some still wait.

    `wait`: before that no receiver of theirs can be asked, since all of them want to be left alone.
    """

    waited: int
    taken: int
    failures: Sequence[str]
    wait: timedelta | None


class Notifying:
    """Delivers an order's notices: as an activity of the order itself, or because an operator asks for it again."""

    def __init__(self, pool: Any, channels: Sequence[Channel], counts: Counts | None = None) -> None:
        self._pool = pool
        self._channels = channels
        self._counts = counts or Counts()
        # Taken by their receivers, but not yet marked so: the database was away.
        self._unmarked: set[tuple[str, str]] = set()
        # How many deliveries are under way, by channel.
        self._under_way: Counter[str] = Counter()

    @activity.defn(name=DELIVER_NOTICES)
    async def deliver_notices(self, order_id: str, upto_step: int) -> str:
        """Deliver all that waits, in order; fails, to be retried, if any receiver did not take its notice.

        Each receiver has its own queue, so that one that fails, or is slow, holds back no other. What has been written
        since `upto_step` is delivered with it. A database that has not got so far was set back: what it has forgotten
        waits until it is repaired.
        """
        try:
            delivered = await self.deliver(order_id, within=_time_for_an_attempt(), upto_step=upto_step)
        except Exception as error:  # the database is away, or behind
            text = f"{type(error).__name__}: {error}"
            raise ApplicationError(text, type="not_tried", next_retry_delay=AFTER_A_FAULT_OF_OURS) from error
        if delivered.failures:
            raise ApplicationError(
                "; ".join(delivered.failures),
                type="not_delivered",
                next_retry_delay=delivered.wait or (AFTER_SOME_WERE_TAKEN if delivered.taken else None),
            )
        return f"{delivered.waited} delivered, up to step {upto_step}"

    async def deliver(
        self, order_id: str, *, within: timedelta, given_up_too: bool = False, upto_step: int = -1
    ) -> Delivered:
        """Send everything that waits, for at most so long. `given_up_too`: also what is tried no more by itself.

        Raises LookupError where the database has not got as far as `upto_step`.
        """
        until = asyncio.get_running_loop().time() + (within - RESERVE).total_seconds()
        queues = await self.waiting(order_id, given_up_too=given_up_too, upto_step=upto_step)
        ends = await asyncio.gather(*(self._serve(queue, until) for queue in queues), return_exceptions=True)
        for end in ends:
            if isinstance(end, BaseException):
                raise end
        served = [end for end in ends if isinstance(end, Served)]
        waits = [one.wait for one in served if one.failure]
        known = [wait for wait in waits if wait is not None]
        return Delivered(
            waited=sum(len(queue.notices) for queue in queues),
            taken=sum(one.taken for one in served),
            failures=[one.failure for one in served if one.failure],
            wait=min(known) if known and len(known) == len(waits) else None,
        )

    async def waiting(self, order_id: str, *, given_up_too: bool = False, upto_step: int = -1) -> list[Queue]:
        """What an attempt to deliver would send now. Raises LookupError where the database is behind `upto_step`."""
        rows = await self._pool.fetch(_STEP_AND_CONTACTS, order_id)
        if upto_step >= 0 and (not rows or rows[0]["step"] < upto_step):
            raise LookupError(f"the database was set back behind step {upto_step}")
        contacts = {row["role"]: row["email"] for row in rows if row["role"]}
        about = _about(rows[0]) if rows else About()
        queues = []
        for channel in self._channels:
            waiting: dict[str, list[list[Notice]]] = defaultdict(list)
            places = set[tuple[str, str, int]]()
            receivers = channel.receivers(contacts)
            for row in await self._pool.fetch(
                _WAITING, order_id, channel.name, list(receivers), GIVEN_UP_AFTER, given_up_too
            ):
                said = dict(row)
                step = said.pop("step")
                notice = read_notice(said)
                place = (receivers[notice.to], notice.to, step)
                if channel.whole_steps and place in places:
                    waiting[place[0]][-1].append(notice)
                else:
                    waiting[place[0]].append([notice])
                places.add(place)
            queues += [Queue(channel, address, messages, about) for address, messages in waiting.items()]
        return queues

    async def _serve(self, queue: Queue, until: float) -> Served:
        """Send one receiver its notices, in order, unless too many others are being sent on its channel."""
        channel = queue.channel.name
        if self._under_way[channel] >= AT_ONCE:
            return Served(0, f"{channel}: waits for the next attempt, since {AT_ONCE} others are being sent")
        self._under_way[channel] += 1
        try:
            return await self._send(queue, until)
        finally:
            self._under_way[channel] -= 1

    async def _send(self, queue: Queue, until: float) -> Served:
        channel, receiver, messages, about = queue
        address, taken = sha256(receiver.encode()).hexdigest(), 0
        for message in messages:
            if asyncio.get_running_loop().time() > until:
                name = message[0].name
                return Served(taken, f"{channel.name}: {name} and what is behind it wait for the next attempt")
            claimed: list[tuple[Notice, int]] = []
            for notice in message:
                if (notice.id, channel.name) in self._unmarked:
                    continue
                attempt = await self._pool.fetchval(_CLAIM, notice.id, channel.name, LEASE, address)
                if attempt is None:
                    why = await self._pool.fetchrow(_UNCLAIMED, notice.id, channel.name, address)
                    if why["delivered"]:
                        continue
                    await self._give_back(channel, claimed, None)
                    return await self._unclaimed(channel, notice, taken, disabled=why["disabled"], wait=why["wait"])
                claimed.append((notice, attempt))
            if claimed:
                first, *others = (notice for notice, _ in claimed)
                try:
                    await channel.send(first, receiver, replace(about, also=others))
                except NotDelivered as error:
                    self._counts.sent(channel.name, "failed")
                    answer = f"{error} {error.answer}".replace("\x00", "").strip()[:500]
                    await self._give_back(channel, claimed, answer)
                    if error.gone or error.wait:
                        wait = None if error.gone else error.wait
                        await self._pool.execute(_HOLD, channel.name, address, wait)
                    return Served(taken, f"{first.name} to the {first.to}: {error}", error.wait)
                self._unmarked |= {(notice.id, channel.name) for notice, _ in claimed}
            for notice in message:
                if (notice.id, channel.name) in self._unmarked:
                    lag = await self._pool.fetchval(_DELIVERED, notice.id, channel.name)
                    self._counts.sent(channel.name, "delivered", lag)
                    self._unmarked.discard((notice.id, channel.name))
            taken += len(message)
        return Served(taken)

    async def _give_back(self, channel: Channel, claimed: Sequence[tuple[Notice, int]], answer: str | None) -> None:
        """Give up the claims, so that another attempt can send these."""
        for notice, attempt in claimed:
            await self._pool.execute(_REFUSED, notice.id, channel.name, attempt, answer)

    async def _unclaimed(
        self, by: Channel, notice: Notice, taken: int, *, disabled: bool, wait: timedelta | None
    ) -> Served:
        """Why the next notice of a queue cannot be sent now."""
        channel = by.name
        if disabled:
            why = f"{channel}: not sent, since the receiver answered 410 Gone"
            await self._pool.execute(_NOT_TRIED, notice.id, channel, why)
            return Served(taken, f"{why}; fix the receiver, then run `recourse outbox enable`")
        if wait:
            return Served(taken, f"{channel}: the receiver asked to be left alone for {wait.seconds} s more", wait)
        return Served(taken, f"{channel}: another attempt is sending {notice.name}")


def _time_for_an_attempt() -> timedelta:
    return activity.info().start_to_close_timeout or timedelta(minutes=2)


def _about(row: Mapping[str, Any]) -> About:
    """An order's display and parties, from its row."""
    named = {field: text for field, text in (row["display"] or {}).items() if text is not None}
    display = Display.model_construct(**named) if named else None
    return About(display, row["client"] or "", row["freelancer"] or "")
