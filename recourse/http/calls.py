"""One call of the HTTP API: what is sent, what its answer means, and when it is tried again. Nothing is sent here."""

import json
import random
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from time import monotonic
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import httpx2
from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json

from recourse.errors import (
    BadInput,
    BadOpening,
    CallFailed,
    DatabaseUnreachable,
    NoSuchGroup,
    NoSuchOrder,
    NotOfTheGroup,
    OrderExists,
    OrderNotRunning,
    PaymentMissing,
    ProviderUnreachable,
    RecourseError,
    ServerUnreachable,
    TemporalUnreachable,
    Unanswered,
    UnknownCursor,
)

# A token, or what makes one whenever it is called, for tokens that expire.
Token = str | Callable[[], str]
Model = TypeVar("Model")

PATIENCE = timedelta(seconds=60)
REQUEST_ID = "X-Request-Id"
EACH = 30.0  # seconds for one try
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 5.0  # seconds
# Nothing was sent.
_NOT_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.UnsupportedProtocol)
# The call itself is good, and another try may go better.
_AGAIN = frozenset({408, 429, 500, 502, 503, 504})
# It has to wait for an operator.
_NOT_AGAIN = frozenset({"order_not_running"})
_PLAIN: dict[str, type[RecourseError]] = {
    "no_such_order": NoSuchOrder,
    "no_such_group": NoSuchGroup,
    "order_exists": OrderExists,
    "not_of_the_group": NotOfTheGroup,
    "payment_missing": PaymentMissing,
    "provider_unreachable": ProviderUnreachable,
    "temporal_unreachable": TemporalUnreachable,
    "database_unreachable": DatabaseUnreachable,
}


def server_of(url: str) -> str:
    """The address of a server, as it is used. Raises BadInput."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise BadInput(f"{url!r} is no address of a server: write it like https://orders.example.")
    return url.rstrip("/")


def at(*parts: str) -> str:
    """The path of these parts, whatever letters they have."""
    return "/" + "/".join(quote(part, safe="") for part in parts)


@dataclass(frozen=True)
class Call:
    """What is sent. `seconds` is for one try. `command_id` is that of a command, the same each time."""

    method: str
    path: str
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float = EACH
    command_id: str | None = None
    request_id: str = field(default_factory=lambda: uuid.uuid4().hex)


class Course:
    """One call from its first try to its answer. `patience`: for how long it is tried."""

    def __init__(self, call: Call, patience: timedelta, now: Callable[[], float] = monotonic) -> None:
        self._call, self._now = call, now
        self._until = now() + patience.total_seconds()
        self._tries = 0
        self._may_have_arrived = False

    def request(self, token: Token) -> dict[str, Any]:
        """What a client of httpx2 sends."""
        call = self._call
        headers = {
            **call.headers,
            "Authorization": f"Bearer {token if isinstance(token, str) else token()}",
            REQUEST_ID: call.request_id,
        }
        if call.command_id is not None:
            headers["Idempotency-Key"] = call.command_id
        if call.body is not None:
            headers["Content-Type"] = "application/octet-stream" if isinstance(call.body, bytes) else "application/json"
        return {
            "method": call.method,
            "url": call.path,
            "params": {key: _text(value) for key, value in call.query.items() if value is not None},
            "content": call.body if call.body is None or isinstance(call.body, bytes) else to_json(call.body),
            "headers": headers,
            "timeout": max(min(call.seconds, self._until - self._now()), 0.001),
        }

    def failed(self, error: httpx2.TransportError) -> float:
        """After a try without an answer: the seconds until the next. Raises ServerUnreachable, Unanswered."""
        self._may_have_arrived |= not isinstance(error, _NOT_SENT)
        pause = self._pause()
        if self._now() + pause < self._until:
            return pause
        why = f"{self._what} got no answer ({type(error).__name__}{f': {error}' if str(error) else ''})"
        raise self._with_id(self._gone(why)) from error

    def answered(self, response: httpx2.Response) -> float | None:
        """After an answer: the seconds until the next try, or None: it is the last one. Raises what it says."""
        if response.is_success:
            return None
        problem = _problem(response)
        code = str(problem.get("code", "http_error"))
        if response.status_code in _AGAIN and code not in _NOT_AGAIN:
            pause = max(_asked_for(response.headers.get("Retry-After"), datetime.now(UTC)), self._pause())
            if self._now() + pause < self._until:
                return pause
        if response.status_code in (409, 422) and "command_id" in problem:
            return None  # a refusal is an outcome
        raise self._with_id(self._error(response.status_code, code, problem))

    @property
    def _what(self) -> str:
        return f"{self._call.method} {self._call.path}"

    def _pause(self) -> float:
        longest: float = min(_FIRST_PAUSE * 2**self._tries, _LONGEST_PAUSE)
        self._tries += 1
        # Many that were turned away at once shall not come back at once.
        return longest * (0.5 + random.random() / 2)  # noqa: S311

    def _gone(self, why: str) -> RecourseError:
        if self._call.method == "GET" or not self._may_have_arrived:
            return ServerUnreachable(f"{why}. Nothing was done.")
        return self._unanswered(why)

    def _unanswered(self, why: str) -> Unanswered:
        command_id = self._call.command_id
        under = f" with the same command id, {command_id}" if command_id else ""
        return Unanswered(f"{why}, so it is unknown whether it was done. Send it again{under}: it is safe.", command_id)

    def _error(self, status: int, code: str, problem: Mapping[str, Any]) -> RecourseError:
        title, detail, details = problem.get("title", ""), problem.get("detail", ""), problem.get("details") or {}
        sentence = str(detail or title)
        if code == "no_answer" or (code == "temporal_unreachable" and self._call.command_id):
            return self._unanswered(f"{self._what}: {title}".rstrip("."))
        if kind := _PLAIN.get(code):
            return kind(sentence)
        match code:
            case "order_not_running":
                return OrderNotRunning(sentence, str(details.get("remedy", "")))
            case "unknown_cursor":
                return UnknownCursor(str(self._call.query.get("after", "")))
            case "bad_opening":
                order_id = str(self._call.body["terms"]["order_id"])
                return BadOpening(order_id, [str(one) for one in details.get("contradictions", [])])
        return CallFailed(self._what, status, code, str(title), str(detail), details)

    def _with_id(self, error: RecourseError) -> RecourseError:
        error.request_id = self._call.request_id
        return error

    def read(self, response: httpx2.Response, kind: type[Model]) -> Model:
        """The value of an answer. Raises CallFailed where it is none."""
        try:
            return TypeAdapter(kind).validate_json(response.content)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "the answer"
            why = f"{where}: {first['msg']}. Is it a server of Recourse, of this version or the next?"
            failure = CallFailed(self._what, response.status_code, "unreadable_answer", "It cannot be read.", why, {})
            raise self._with_id(failure) from error


def refusal(response: httpx2.Response) -> dict[str, Any] | None:
    """The outcome in the answer to a command that was refused."""
    if response.is_success:
        return None
    problem = _problem(response)
    outcome = {"status": "refused", "message": problem["title"], "details": problem.get("details", {})}
    return {key: value for key, value in problem.items() if key not in ("type", "title", "detail")} | outcome


def _text(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _problem(response: httpx2.Response) -> dict[str, Any]:
    """What an answer says went wrong; a proxy in between may say it in another way."""
    try:
        problem = response.json()
    except (json.JSONDecodeError, UnicodeDecodeError):
        problem = None
    return problem if isinstance(problem, dict) else {"title": f"{response.status_code} {response.reason_phrase}"}


def _asked_for(after: str | None, now: datetime) -> float:
    """The seconds that a server asks to wait: a number, or an instant."""
    if not after:
        return 0.0
    try:
        return max(float(after), 0.0)
    except ValueError:
        pass
    try:
        return max((parsedate_to_datetime(after) - now).total_seconds(), 0.0)
    except (ValueError, TypeError):
        return 0.0
