"""A group of orders for a backend: one command to all of them, and where they stand."""

import asyncio
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from recourse.database.lists import Member
from recourse.database.orders import first_answered_at
from recourse.errors import BadInput, RecourseError, Unanswered
from recourse.resolution.model.command import Actor
from recourse.resolution.model.outcome import Outcome
from recourse.resolution.model.vocabulary import PARTIES
from recourse.resolution.shown.answering import unrecorded
from recourse.resolution.shown.groups import GROUP_COMMANDS, fields_of
from recourse.runtime.database_connection import explaining_database_errors
from recourse.starter.handle import OrderHandle
from recourse.starter.reading import StoredGroup

AT_ONCE = 10  # orders


class GroupHandle(StoredGroup):
    """The orders of a group. `Recourse.group` makes it."""

    def __init__(self, pool: Any, group: str, now: Callable[[], datetime], order: Callable[[str], OrderHandle]) -> None:
        super().__init__(pool, group, now)
        self._order = order

    async def send(self, command: str, fields: Mapping[str, Any]) -> list[Outcome]:
        """Send a command to each order of the group under one `command_id`; the outcomes, by the orders' parts.

        `fields` is the message as for an order, with amounts by part: `amounts: {1: 0, 2: 2500}`. A party's command
        goes to its own orders. The same id again goes to the orders that were there when it was first given.
        Raises NoSuchGroup, BadInput, DatabaseUnreachable, and Unanswered where an order did not answer: all others got
        the command, and it is safe to send it again with the same id.
        """
        try:
            actor = Actor.model_validate(fields.get("actor"))
        except ValidationError as error:
            raise BadInput("A command to a group needs its `actor`, with a role and an id.") from error
        members = await self.members(*((actor.role, actor.id) if actor.role in PARTIES else ()))
        command_id = fields.get("command_id")
        if command_id is None:
            command_id = uuid.uuid4().hex
        else:
            members = await self._then(members, f"{actor.role}:{actor.id}", str(command_id))
        if command not in GROUP_COMMANDS:
            return [
                unrecorded(one.order_id, command, command_id, "unknown_command", commands=list(GROUP_COMMANDS))
                for one in members
            ]
        messages = fields_of(command, fields, [one.part for one in members])
        if isinstance(messages, str):
            problems = {"amount" if "amount" in fields else "amounts": messages}
            return [unrecorded(one.order_id, command, command_id, "malformed", problems=problems) for one in members]
        return await self._send(command, [{**one, "command_id": command_id} for one in messages], members)

    async def _send(
        self, command: str, messages: Sequence[Mapping[str, Any]], members: Sequence[Member]
    ) -> list[Outcome]:
        some = asyncio.Semaphore(AT_ONCE)

        async def send(member: Member, message: Mapping[str, Any]) -> Outcome | RecourseError:
            async with some:
                try:
                    return await self._order(member.order_id).send(command, message)
                except RecourseError as error:
                    # The others get it all the same.
                    return error

        answers = await asyncio.gather(*map(send, members, messages))
        failed = [answer for answer in answers if isinstance(answer, RecourseError)]
        if failed:
            command_id = str(messages[0]["command_id"])
            raise Unanswered(
                f"{len(failed)} of {len(members)} orders of group {self.id} did not answer `{command}`. The first: "
                f"{failed[0]} It is safe to send it to the group again with the same command id, {command_id}.",
                command_id,
            )
        return [answer for answer in answers if not isinstance(answer, RecourseError)]

    async def _then(self, members: list[Member], sender: str, command_id: str) -> list[Member]:
        """The orders that were there when a command was first given."""
        with explaining_database_errors():
            ids = [one.order_id for one in members]
            at = await first_answered_at(self.pool, ids, sender, command_id)
        return members if at is None else [one for one in members if one.ordered_at <= at]
