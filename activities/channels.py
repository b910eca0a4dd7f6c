"""A marketplace's own way to reach people, next to mail and webhooks."""

import asyncio
import re
from collections.abc import Awaitable, Mapping
from functools import partial
from typing import Protocol, get_args

from recourse.activities.about import NOTHING, About
from recourse.activities.calling import Calls
from recourse.activities.extensions import LONGEST, NotDelivered, load_named
from recourse.activities.providers import TryLater
from recourse.errors import BadInput
from recourse.resolution.model.notice import Notice, Receiver

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")
_TAKEN = dict.fromkeys(("mail", "webhook"), "is a channel of Recourse")
ROLES: tuple[Receiver, ...] = get_args(Receiver)


class BadChannel(BadInput):
    """A notice channel that cannot be used; the text says which and why."""


class NoticeChannel(Protocol):
    """A way to reach people. `send` may be a coroutine; otherwise it runs in a thread.

    Optional: `receivers`, the roles that it sends to (without it, all three); `concurrency: int` and `timeout: float`,
    as of a payment provider.
    """

    def send(self, notice: Notice, email: str | None) -> Awaitable[None] | None:
        """Send one notice. `email` is the receiver's mail address, if the order has one.

        Raise `NotDelivered` with the reason if it could not be sent; with `wait`, nothing is sent before that time is
        over. Any other exception means the same. The notice is then sent again, in order, for seven days.
        """


def in_words(notice: Notice) -> tuple[str, str]:
    """The subject and the text of a notice, as a mail has them."""
    from recourse.activities.letters import letter, subject  # needs Jinja, which programs that only start orders lack

    return subject(notice), letter(notice)


class OwnChannel:
    """Such a channel as a worker uses it. Whatever it does, only its own notices wait for it."""

    whole_steps = False

    def __init__(self, name: str, channel: NoticeChannel) -> None:
        self.name = name
        self._channel = channel
        self._roles: tuple[Receiver, ...] = tuple(getattr(channel, "receivers", ROLES))
        self._calls = Calls(name, channel)

    def receivers(self, contacts: Mapping[str, str]) -> Mapping[Receiver, str]:
        """Every role that it sends to is a receiver of its own, at its mail address or without one."""
        return {role: f"{role}:{contacts.get(role, '')}" for role in self._roles}

    async def send(self, notice: Notice, receiver: str, about: About = NOTHING) -> None:
        """Send one notice. Raises NotDelivered."""
        email = receiver.partition(":")[2] or None
        until = asyncio.get_running_loop().time() + LONGEST
        try:
            await self._calls.call(partial(self._channel.send, notice), email, until)
        except NotDelivered:
            raise
        except (TimeoutError, TryLater) as error:
            raise NotDelivered(f"{self.name}: {error}") from error
        except Exception as error:
            # Its text may repeat an address, so only the database keeps it.
            raise NotDelivered(f"{self.name}: {type(error).__name__}", str(error)) from error

    async def close(self) -> None:
        """Nothing to do: the marketplace's object has no method for it."""


def load_channels(text: str) -> list[OwnChannel]:
    """The channels that `RECOURSE_NOTICE_CHANNELS` names, as `name=package.module:factory`. Raises BadChannel."""
    found = []
    for name, channel in load_named(text, "send", _TAKEN, BadChannel).items():
        if not _NAME.fullmatch(name):
            raise BadChannel(
                f"{name!r} cannot name a channel: use up to 40 lower-case letters, digits, `-` and `_`, a letter first."
            )
        roles = getattr(channel, "receivers", ROLES)
        if not isinstance(roles, list | tuple | set | frozenset) or not roles or not set(roles) <= set(ROLES):
            known = ", ".join(ROLES)
            raise BadChannel(
                f"{name!r}: {type(channel).__name__}.receivers is {roles!r}, and must list some of {known}."
            )
        found.append(OwnChannel(name, channel))
    return found
