"""What is known of a person: to show it, to erase it, and to keep it no longer than a policy says.

Words of orders that are over go from the database and, with the whole history of their workflow, from Temporal. What
is open, or can still be reached, waits: a party that could go on needs to know what was said. Everything may be done
again, and begins where it stopped.
"""

import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.service import RPCError

from recourse.database.erasing import (
    EVERYBODY,
    Author,
    Candidate,
    Erasure,
    What,
    check_keeper,
    erase,
    finish_erasure,
    holds,
    note_erasure,
    orders_of,
    orders_to_erase,
    orders_with_keeping,
    unfinished_erasures,
)
from recourse.database.files import files_of, files_to_erase
from recourse.database.orders import read_contacts, read_record
from recourse.errors import NoSuchOrder, OrderNotRunning, RecourseError
from recourse.evidence.store import EvidenceAway, KeptFiles
from recourse.evidence.sweeping import sweep_files
from recourse.resolution.model.data_version import NeedsNewerBuild
from recourse.resolution.model.durations import parse_duration
from recourse.resolution.model.record import may_see
from recourse.resolution.model.step import RecordEntry
from recourse.resolution.model.vocabulary import Party
from recourse.runtime.database_connection import explaining_database_errors
from recourse.runtime.names import workflow_id
from recourse.starter.client import Recourse
from recourse.starter.reading import Orders, now
from recourse.starter.temporal_errors import unless_not_found

Left = Literal["open", "reachable", "held", "no_workflow", "newer_build", "refused", "files"]
_WITH_FILES: tuple[What, ...] = ("texts", "addresses", "order")
_FILES_AT_ONCE = 100
# In the order in which they are erased.
KEPT: tuple[What, ...] = ("contacts", "addresses", "notices", "texts", "order")


class UnderLegalHold(RecourseError):
    """A party of whom nothing may be erased."""


@dataclass(frozen=True)
class Piece:
    """Something that goes, or went, of an order; `left`: why it has to wait."""

    order_id: str
    what: What
    erased: int = 0
    left: Left | None = None
    says: str = ""


@dataclass
class Tally:
    """What was done in all; orders with something left are named, the first of them."""

    pieces: Counter[str] = field(default_factory=Counter)
    left: Counter[str] = field(default_factory=Counter)
    named: list[Piece] = field(default_factory=list)

    def count(self, piece: Piece) -> None:
        """Take one in."""
        if piece.left is None:
            self.pieces[piece.what] += 1
        else:
            self.left[piece.left] += 1
            if len(self.named) < 20:
                self.named.append(piece)


class Privacy:
    """Erases on the servers of a client, whose login at the database is the keeper's."""

    def __init__(
        self, recourse: Recourse, *, files: KeptFiles | None = None, now: Callable[[], datetime] = now
    ) -> None:
        """`files` is the store of evidence; None: files are kept elsewhere."""
        self._recourse, self._files, self._now = recourse, files, now
        self._pool = recourse.pool

    async def preview(self, role: Party, party: str, *, others_too: bool) -> AsyncIterator[Piece]:
        """What `erase` would do now, and what would wait. Raises UnderLegalHold, NoSuchOrder."""
        await self._may_erase(role, party)
        wish = Erasure(
            number=0, role=role, party=party, others_too=others_too, reason="-", legal_basis="-", asked_at=self._now()
        )
        found = False
        async for piece in self._carry_out(wish, dry_run=True):
            found = True
            yield piece
        if not found:
            async for _ in orders_of(self._pool, role, party):
                return
            raise NoSuchOrder(f"There is no order of {role} {party}.")

    async def erase(
        self, role: Party, party: str, *, others_too: bool, reason: str, legal_basis: str
    ) -> AsyncIterator[Piece]:
        """Erase what a party wrote and its addresses, now or, of orders that are not over, by later sweeps.

        `others_too`: also what others wrote in its orders. Raises UnderLegalHold.
        """
        await self._may_erase(role, party)
        with explaining_database_errors():
            wish = await note_erasure(
                self._pool, role, party, others_too=others_too, reason=reason, legal_basis=legal_basis
            )
        async for piece in self._carry_out(wish):
            yield piece

    async def sweep(self, *, dry_run: bool = False) -> AsyncIterator[Piece]:
        """Erase what somebody asked for and is possible by now, and what is kept for as long as its policy says."""
        with explaining_database_errors():
            await check_keeper(self._pool)
            wishes = await unfinished_erasures(self._pool)
            if self._files and not dry_run:
                while await sweep_files(self._pool, self._files, _FILES_AT_ONCE):
                    pass
        for wish in wishes:
            async for piece in self._carry_out(wish, dry_run=dry_run):
                yield piece
        async for page in orders_with_keeping(self._pool):
            for order in page:
                for what, key in self._over(order):
                    basis = "the keeping period of the policy"
                    yield await self._piece(order, what, EVERYBODY, f"keeping.{key}", basis, dry_run)

    async def _may_erase(self, role: Party, party: str) -> None:
        with explaining_database_errors():
            await check_keeper(self._pool)
            standing = await holds(self._pool, role=role, party=party)
        if standing:
            raise UnderLegalHold(
                f"The {role} {party} is under a legal hold since {standing[0].since:%Y-%m-%d}: {standing[0].reason}. "
                f"Nothing was erased; `recourse privacy lift {role}:{party}` ends the hold."
            )

    async def _carry_out(self, wish: Erasure, *, dry_run: bool = False) -> AsyncIterator[Piece]:
        waiting = False
        async for page in orders_to_erase(self._pool, wish):
            for order in page:
                # An address and a name go at once: no rule needs them.
                wanted: list[tuple[What, Sequence[Author]]] = []
                wanted += [("contacts", (wish.role,))] if wish.role in order.contacts else []
                wanted += [] if order.texts_gone else [("texts", wish.whose)]
                for what, whose in wanted:
                    piece = await self._piece(order, what, whose, wish.reason, wish.legal_basis, dry_run)
                    waiting |= piece.left is not None
                    yield piece
        if not waiting and not dry_run:
            with explaining_database_errors():
                await finish_erasure(self._pool, wish.number)

    def _over(self, order: Candidate) -> list[tuple[What, str]]:
        """What of an order has been kept for long enough, with the key that says so."""
        there = {
            "contacts": bool(order.contacts),
            "addresses": not order.addresses_gone,
            "notices": order.notices,
            "texts": not order.texts_gone,
            "order": True,
        }
        over: list[tuple[What, str]] = []
        for what in KEPT:
            key = "orders" if what == "order" else what
            kept = (order.keeping or {}).get(key, "never")
            if not there[what] or kept == "never" or order.closed_at is None:
                continue
            if order.closed_at + parse_duration(kept) <= self._now():
                over.append((what, key))
        return over[-1:] if over and over[-1][0] == "order" else over

    async def _piece(
        self, order: Candidate, what: What, whose: Sequence[Author], reason: str, basis: str, dry_run: bool
    ) -> Piece:
        if order.held:
            return Piece(order.order_id, what, left="held", says="it, or a party of it, is under a legal hold")
        try:
            if what != "contacts" and not await self._is_over(order):
                left: Left = "open" if order.closed_at is None else "reachable"
                return Piece(order.order_id, what, left=left, says=_WAITS[left])
            if dry_run:
                return Piece(order.order_id, what)
            with explaining_database_errors():
                async with self._pool.acquire() as connection, connection.transaction():
                    files = await files_to_erase(connection, order.order_id, whose) if what in _WITH_FILES else []
                    if files and self._files is None:
                        raise EvidenceAway("it has files: set RECOURSE_EVIDENCE as for the web servers")
                    erased = await erase(connection, order.order_id, what, whose, reason, basis)
                    # Before the database forgets that it has to be done, and after it found nothing in the way.
                    if what in _WITH_FILES:
                        await self._delete_histories(order.order_id)
                    if self._files:
                        for file in files:
                            await self._files.delete(file)
            return Piece(order.order_id, what, erased)
        except EvidenceAway as error:
            return Piece(order.order_id, what, left="files", says=f"its files cannot be deleted now: {error}")
        except OrderNotRunning as error:
            return Piece(order.order_id, what, left="no_workflow", says=str(error))
        except NeedsNewerBuild as error:
            return Piece(order.order_id, what, left="newer_build", says=str(error))
        except Exception as error:
            # The conditions of erase_order() itself, in the few moments in which they can differ from ours.
            if str(getattr(error, "sqlstate", "")) in ("RC001", "RC002", "RC003", "RC004"):
                return Piece(order.order_id, what, left="refused", says=str(error))
            raise

    async def _is_over(self, order: Candidate) -> bool:
        """Whether its workflow has ended, and nothing of it can go on."""
        if order.closed_at is None or order.next_clock_at is not None:
            return False
        return await self._recourse.order(order.order_id).has_ended()

    async def _delete_histories(self, order_id: str) -> None:
        """Have Temporal delete every run of an order's workflow: messages, memo, search attributes, results."""
        temporal, name = self._recourse.temporal, workflow_id(order_id)
        ids = {run.run_id async for run in temporal.list_workflows(f"WorkflowId = '{name}'")}
        try:
            # The lists lag.
            ids.add((await temporal.get_workflow_handle(name).describe()).run_id)
        except RPCError as error:
            unless_not_found(error, f"order {order_id} was looked at")
        for run_id in sorted(ids):
            try:
                await temporal.workflow_service.delete_workflow_execution(
                    DeleteWorkflowExecutionRequest(
                        namespace=temporal.namespace,
                        workflow_execution=WorkflowExecution(workflow_id=name, run_id=run_id),
                    )
                )
            except RPCError as error:
                unless_not_found(error, f"the history of order {order_id} was deleted")


_WAITS: Mapping[Left, str] = {
    "open": "it is open, or money still moves; it follows when it is over",
    "reachable": "it can still be reached (order.reachable_after); it follows when that is over",
}


async def export_party(orders: Orders, role: Party, party: str) -> AsyncIterator[str]:
    """Everything that a party may read of itself, over all its orders, as pieces of one JSON document.

    One order at a time is in memory. Raises NoSuchOrder.
    """
    first = True
    head = {"party": {"role": role, "id": party}, "exported_at": now().isoformat()}
    async for page in orders_of(orders.pool, role, party):
        for order_id in page:
            if first:
                yield json.dumps(head, ensure_ascii=False)[:-1] + ', "orders": [\n'
            one = orders.order(order_id)
            with explaining_database_errors():
                contacts = await read_contacts(orders.pool, order_id)
                record = await read_record(orders.pool, order_id)
                files = await files_of(orders.pool, order_id)
            whole: dict[str, Any] = {
                "order_id": order_id,
                "order": (await one.show(role)).model_dump(mode="json"),
                "email": contacts.get(role),
                "notes_to_operators": _own_notes(record, role),
                "files": [one.model_dump(mode="json") for one in files if one.role == role],
                "notices": [notice.model_dump(mode="json") for notice in await one.notices(role)],
                "record": await one.record(role),
            }
            yield ("" if first else ",\n") + json.dumps(whole, ensure_ascii=False)
            first = False
    if first:
        raise NoSuchOrder(f"There is no order of {role} {party}.")
    yield "\n]}\n"


def _own_notes(record: Sequence[RecordEntry], role: Party) -> list[dict[str, Any]]:
    """What a party wrote to operators alone, which its record does not give back."""
    own = (
        entry
        for entry in record
        if entry.parsed.actor and entry.parsed.actor.role == role and may_see(entry.parsed, role)
    )
    return [{"entry": entry.number, **entry.parsed.private} for entry in own if entry.parsed.private]
