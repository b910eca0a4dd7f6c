"""Without `await`: written by `make client` from http/client.py, do not edit."""

from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Self

import httpx2

from recourse.database.changes import START, Change, Changes
from recourse.http.calls import PATIENCE, Call, Token, at, server_of
from recourse.sync.handles import GroupHandle, OrderHandle, Server
from recourse.http.shapes import Issued, IssuedLink, OrderList, Queue, SessionList, Started
from recourse.resolution.model.display import Display
from recourse.resolution.model.durations import write_duration
from recourse.resolution.model.opening_state import OpeningState
from recourse.resolution.model.terms import Terms
from recourse.resolution.model.vocabulary import Party, Phase
from recourse.starter.actors import AnyActor, Client, Freelancer, Operator

# A follower asks again after so many seconds without news.
FOLLOWING = 25


class Recourse(Server):
    """Orders, for a backend that calls the HTTP API.

    `http` is a client of httpx2 whose `base_url` is the server. `token` goes with each call; give a
    function for a token that expires. `patience`: for how long a call is tried while no answer comes,
    or one that says to try again.
    """

    def __init__(self, http: httpx2.Client, token: Token, *, patience: timedelta = PATIENCE) -> None:
        super().__init__(http, token, patience)

    @classmethod
    @contextmanager
    def connect(cls, url: str, token: Token, *, patience: timedelta = PATIENCE) -> Iterator[Self]:
        """Orders on the server at `url`, for as long as the block runs. Nothing is called yet. Raises BadInput."""
        with httpx2.Client(base_url=server_of(url)) as http:
            yield cls(http, token, patience=patience)

    def order(self, order_id: str, *, patience: timedelta | None = None) -> OrderHandle:
        """The order of this id: its commands, and where it stands. Nothing is asked or read yet."""
        return OrderHandle(self._http, self._token, order_id, patience=patience or self._patience)

    def group(self, group: str, *, patience: timedelta | None = None) -> GroupHandle:
        """The group of this id: one command to all of its orders, and where they stand. Nothing is read yet."""
        return GroupHandle(self._http, self._token, group, patience=patience or self._patience)

    def start(
        self,
        terms: Terms,
        policy: str,
        *,
        provider: str = "ledger",
        emails: Mapping[Party, str] | None = None,
        display: Display | None = None,
        state: OpeningState | None = None,
    ) -> OrderHandle:
        """Start an order; starting it again with the same terms changes nothing but its `emails` and `display`.

        `policy` is the name of one that the server has. `provider` executes its settlements. `emails`: where the
        parties are notified, and `display`: what people call the order; the database alone keeps both. `state`: where
        an order stands that began elsewhere.
        Raises OrderExists where the id belongs to an order with other terms, OrderNotRunning where it has started and
        lost its workflow, NotOfTheGroup where its group is for other parties or has this part, BadOpening for a state
        that cannot be true, PaymentMissing where its provider says that the money is not there, ProviderUnreachable
        where it says nothing, CallFailed for what cannot be read, Unanswered where it is unknown whether it started.
        """
        given = {"client_email": (emails or {}).get("client"), "freelancer_email": (emails or {}).get("freelancer")}
        more = {name: value for name, value in {**given, "display": display, "state": state}.items() if value}
        body = {
            "terms": terms.model_dump(mode="json", exclude_none=True),
            "policy": policy,
            "provider": provider,
            **more,
        }
        started = self._read(Started, "POST", at("orders"), body)
        return self.order(started.order_id)

    def list(
        self,
        *,
        party: Client | Freelancer | None = None,
        phase: Phase | None = None,
        policy: str | None = None,
        group: str | None = None,
        due_before: datetime | None = None,
        updated_after: datetime | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> OrderList:
        """A page of orders: where each stands and what comes next. `after` is the `next` of the page before.

        `due_before`: only open orders whose work is due before then, those due first on top. `updated_after`: only
        orders of which something in the list changed after that, in the order of these changes.
        """
        wanted = {
            "phase": phase,
            "policy": policy,
            "group": group,
            "party": f"{party.role}:{party.id}" if party else None,
        }
        turns = {"due_before": due_before, "updated_after": updated_after, "after": after, "limit": limit}
        return self._read(OrderList, "GET", at("orders"), **wanted, **turns)

    def changes(self, after: str = START, *, follow: bool = True) -> Generator[Change, None, None]:
        """Every step of every order behind a cursor, in their order, and then those to come.

        Keep the `cursor` of the last change in the transaction that keeps what you made of it, and go on from there:
        so you miss none and take none twice. `after`: a cursor, `start`, or `now` for what is yet to come.
        `follow=False`: only what is there. Raises UnknownCursor, and ServerUnreachable where the server is away for
        longer than the client's patience.
        """
        while True:
            page = self.changes_page(after, wait=FOLLOWING if follow else 0)
            for change in page.changes:
                yield change
            after = page.next
            if not (follow or page.changes):
                return

    def changes_page(self, after: str = START, *, limit: int = 500, wait: int = 0) -> Changes:
        """The changes behind a cursor, `start` or `now`; where there are none, wait for some for so many seconds.

        Raises UnknownCursor.
        """
        return self._read(Changes, "GET", at("changes"), after=after, limit=limit, wait=wait)

    def queue(self, *, after: str | None = None, limit: int = 50) -> Queue:
        """A page of the undecided cases, those due next first. `after` is the `next` of the page before."""
        return self._read(Queue, "GET", at("queue"), after=after, limit=limit)

    def link(
        self, of: Client | Freelancer | Operator, *, order_id: str | None = None, lifetime: timedelta | None = None
    ) -> IssuedLink:
        """A path of the server that signs somebody in to the pages, once. `order_id`: the order that it opens."""
        return self._read(IssuedLink, "POST", at("links"), _issue(of, lifetime, order_id=order_id))

    def token(self, of: Client | Freelancer | Operator, *, lifetime: timedelta | None = None) -> Issued:
        """A token for somebody who has signed in at the marketplace, such as for an app that calls the API itself."""
        return self._read(Issued, "POST", at("tokens"), _issue(of, lifetime))

    def sessions(self, *, of: str | None = None, after: str | None = None, limit: int = 50) -> SessionList:
        """A page of who is signed in: with a token, or in a browser. `of`: a role or a person, such as `client:c-3`."""
        return self._read(SessionList, "GET", at("sessions"), of=of, after=after, limit=limit)

    def end_session(self, session_id: str) -> None:
        """End a session: its cookie or token signs nobody in any more. Raises CallFailed (404)."""
        self._answer(Call("DELETE", at("sessions", session_id)))


def _issue(of: AnyActor, lifetime: timedelta | None, **more: Any) -> dict[str, Any]:
    given = {"lifetime": write_duration(lifetime) if lifetime else None, **more}
    return {"role": of.role, "id": of.id, **{name: value for name, value in given.items() if value is not None}}
