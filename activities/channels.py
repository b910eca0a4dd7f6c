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
    """A way to reach people. Its method may be a coroutine; another runs in a thread.

    These it may have, too: `receivers`, the roles that it sends to, all three if it does not say; `concurrency: int`
    and `timeout: float`, as a payment provider has them.
    """

    def send(self, notice: Notice, email: str | None) -> Awaitable[None] | None:
        """Send one notice; `email` is the address of who is told, where the order has one.

        `NotDelivered` says why it could not be sent, and with `wait` that nothing is wanted before that. Any other
        exception means the same. It is then sent again, in order, for seven days.
        """


def in_words(notice: Notice) -> tuple[str, str]:
    """The subject and the text of a notice, as a mail has them."""
    from recourse.activities.letters import letter, subject  # needs Jinja, which programs that only start orders lack

    return subject(notice), letter(notice)


class OwnChannel:
    """One such channel as a worker uses it: whatever it does, nothing but its own notices waits for it."""

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
            # What it says may repeat an address, so that is for the database alone.
            raise NotDelivered(f"{self.name}: {type(error).__name__}", str(error)) from error

    async def close(self) -> None:
        """It has no end of its own."""


def load_channels(text: str) -> list[OwnChannel]:
    """The channels that `RECOURSE_NOTICE_CHANNELS` names, as `name=package.module:factory`. Raises BadChannel."""
    found = []
    for name, channel in load_named(text, "send", _TAKEN, BadChannel).items():
        if not _NAME.fullmatch(name):
            raise BadChannel(f"{name!r} is no name of a channel: take small letters, digits, `-` and `_`, at most 40.")
        roles = getattr(channel, "receivers", ROLES)
        if not isinstance(roles, list | tuple | set | frozenset) or not roles or not set(roles) <= set(ROLES):
            known = ", ".join(ROLES)
            raise BadChannel(
                f"{name!r}: {type(channel).__name__}.receivers is {roles!r}, and must list some of {known}."
            )
        found.append(OwnChannel(name, channel))
    return found
