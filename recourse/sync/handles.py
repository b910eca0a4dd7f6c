"""Without `await`: written by `make client` from http/handles.py, do not edit."""

import time
import uuid
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import httpx2

from recourse.errors import BadInput, CallFailed
from recourse.http.calls import Call, Course, Model, Token, at, refusal
from recourse.http.shapes import KeptFile, Outcomes, Sent
from recourse.resolution.model.command import Actor
from recourse.resolution.model.display import Display
from recourse.resolution.model.durations import write_duration
from recourse.resolution.model.notice import Notice
from recourse.resolution.model.outcome import Outcome, read_outcome
from recourse.resolution.model.record import Reader
from recourse.resolution.shown.groups import GroupView
from recourse.resolution.shown.looking_ahead import Actions, Ahead, WouldBeRefused
from recourse.resolution.shown.views import OrderView
from recourse.starter.actors import AnyActor, Client, Freelancer
from recourse.sync.commands import Commands

# A union is no `type`.
_LOOKS_AHEAD: Any = Ahead | WouldBeRefused


class Server:
    """The server that a client calls, as whom, and for how long it tries."""

    def __init__(self, http: httpx2.Client, token: Token, patience: timedelta) -> None:
        self._http, self._token, self._patience = http, token, patience

    def _answer(self, call: Call) -> tuple[Course, httpx2.Response]:
        course = Course(call, self._patience)
        while True:
            try:
                response = self._http.request(**course.request(self._token))
            except httpx2.TransportError as error:
                pause = course.failed(error)
            else:
                again = course.answered(response)
                if again is None:
                    return course, response
                pause = again
            time.sleep(pause)

    def _read(self, kind: type[Model], method: str, path: str, body: Any = None, **query: Any) -> Model:
        course, response = self._answer(Call(method, path, query, body))
        return course.read(response, kind)


class OrderHandle(Server, Commands):
    """One order: a method for each command, and methods that read it.

    `Recourse.order` makes it. A command returns its outcome once that is committed; a refusal is an outcome too. The
    same `command_id` again, from the same actor with the same command and fields, gets the first outcome; with others
    it is refused `command_id_reused`. Without an id, a new one is made. Where no answer comes, a call is tried again
    under the same id, until the client's patience ends.

    Raises NoSuchOrder, OrderNotRunning, ServerUnreachable, DatabaseUnreachable, TemporalUnreachable, CallFailed, and
    Unanswered: no answer came within the patience, so it is unknown whether the command arrived.
    """

    def __init__(self, http: httpx2.Client, token: Token, order_id: str, *, patience: timedelta) -> None:
        super().__init__(http, token, patience)
        self.id = order_id

    def _give(self, command: str, actor: AnyActor, command_id: str | None, /, **fields: Any) -> Outcome:
        given = {name: value for name, value in fields.items() if value is not None}
        sender = {"role": actor.role, "id": actor.id}
        return self.send(command, {"actor": sender, "command_id": command_id, **given})

    def send(self, command: str, fields: Mapping[str, Any]) -> Outcome:
        """Send a command by its name and wait for its outcome, which comes once its step is committed.

        `fields` is the message as JSON: `actor`, `command_id`, and the fields of the command. Use the method of the
        command where you know which it is. Raises the same errors.
        """
        _, response = self._answer(_command(at("orders", self.id, "commands", command), fields))
        return read_outcome(refusal(response) or response.json())

    def signal(self, command: str, fields: Mapping[str, Any]) -> Sent:
        """Send a command and do not wait for its outcome: the order gets it also while every worker is down.

        Raises the errors of a command, and CallFailed for one that cannot be read.
        """
        call = _command(at("orders", self.id, "commands", command), fields, {"Prefer": "respond-async"})
        course, response = self._answer(call)
        return course.read(response, Sent)

    def show(self, reader: Reader) -> OrderView:
        """The order's page as one role sees it now. Raises NoSuchOrder."""
        return self._read(OrderView, "GET", at("orders", self.id), **{"as": reader})

    def actions(self, role: Reader, operator: str | None = None) -> Actions:
        """What a role can do now, with bounds and until when, and what opens later. Raises NoSuchOrder.

        `operator` is the id of the operator who asks: the author of a ruling cannot decide its appeal.
        """
        whom = f"operator:{operator}" if operator else role
        return self._read(Actions, "GET", at("orders", self.id, "actions"), **{"as": whom})

    def preview(self, command: str, fields: Mapping[str, Any]) -> Ahead | WouldBeRefused:
        """What a command would lead to, without doing it. Raises NoSuchOrder."""
        call = _command(at("orders", self.id, "previews", command), fields)
        try:
            course, response = self._answer(call)
        except CallFailed as failed:
            if failed.code != "malformed":
                raise
            return WouldBeRefused(refused="malformed", message=str(failed), **failed.details)
        ahead: Ahead | WouldBeRefused = course.read(response, _LOOKS_AHEAD)
        return ahead

    def record(self, reader: Reader) -> dict[str, Any]:
        """The record as one role may read it; it verifies offline. Raises NoSuchOrder."""
        return self._read(dict[str, Any], "GET", at("orders", self.id, "record"), **{"as": reader})

    def notices(self, reader: Reader, *, after: str = "", limit: int = 200) -> list[Notice]:
        """What one role was told, a page at a time, behind the notice with the id `after`. Raises NoSuchOrder."""
        page = {"as": reader, "after": after, "limit": limit}
        return self._read(list[Notice], "GET", at("orders", self.id, "notices"), **page)

    def upload(self, *, by: Client | Freelancer, name: str, content: bytes) -> KeptFile:
        """Bring a file of evidence; then name it with `add_evidence`, within a day. Raises CallFailed for a bad one."""
        whom, path = {"as": f"{by.role}:{by.id}", "name": name}, at("orders", self.id, "files")
        course, response = self._answer(Call("POST", path, whom, content))
        return course.read(response, KeptFile)

    def files(self, reader: Reader) -> list[KeptFile]:
        """The files that one role may read. Raises NoSuchOrder."""
        return self._read(list[KeptFile], "GET", at("orders", self.id, "files"), **{"as": reader})

    def download(self, reader: Reader, file_id: str) -> bytes:
        """A file's content, whose hash was found to be right. Raises CallFailed (404)."""
        call = Call("GET", at("orders", self.id, "files", file_id), {"as": reader})
        _, response = self._answer(call)
        return response.content

    def set_display(self, display: Display) -> None:
        """Replace what people call it. Raises NoSuchOrder."""
        self._read(Display, "PUT", at("orders", self.id, "display"), display)


class GroupHandle(Server):
    """The orders of a group. `Recourse.group` makes it."""

    def __init__(self, http: httpx2.Client, token: Token, group: str, *, patience: timedelta) -> None:
        super().__init__(http, token, patience)
        self.id = group

    def send(self, command: str, fields: Mapping[str, Any]) -> list[Outcome]:
        """Send a command to each order of the group under one `command_id`; the outcomes, by the orders' parts.

        `fields` is the message as for an order, with amounts by part: `amounts: {1: 0, 2: 2500}`. A party's command
        goes to its own orders. The same id again goes to the orders that were there when it was first given.
        Raises NoSuchGroup, CallFailed for a command that no order can read, and the errors of a command.
        """
        call = _command(at("groups", self.id, "commands", command), fields)
        course, response = self._answer(call)
        if refused := refusal(response):
            why, details = refused["message"], refused["details"]
            raise CallFailed(f"POST {call.path}", response.status_code, refused["code"], why, "", details)
        return list(course.read(response, Outcomes).outcomes)

    def show(self, reader: Reader) -> GroupView:
        """The group as one role sees it now. Raises NoSuchGroup."""
        return self._read(GroupView, "GET", at("groups", self.id), **{"as": reader})


def _command(path: str, fields: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Call:
    """The call that gives a command. Raises BadInput without an actor."""
    said = {name: _plain(value) for name, value in fields.items() if name not in ("actor", "command_id")}
    try:
        actor = Actor.model_validate(fields.get("actor"), from_attributes=True)
    except ValueError as error:
        raise BadInput("A command needs its `actor`, with a role and an id.") from error
    command_id = str(fields.get("command_id") or uuid.uuid4().hex)
    whom = {"as": f"{actor.role}:{actor.id}"}
    return Call("POST", path, whom, said, headers or {}, command_id=command_id)


def _plain(value: Any) -> Any:
    return write_duration(value) if isinstance(value, timedelta) else value
