"""`recourse privacy`: what is known of a person, shown, erased, held, and kept no longer than a policy says."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from recourse.cli.output import DONE, NO, Json, OrderId, Stop, Yes, ask, console, say_json
from recourse.cli.pages import erased_sentence
from recourse.database.erasing import check_keeper, erased_of, holds, lift_holds, set_hold
from recourse.evidence.store import KeptFiles, load_store
from recourse.resolution.model.fields import visible
from recourse.resolution.model.instants import write_instant
from recourse.resolution.model.vocabulary import Party
from recourse.runtime.database_connection import explaining_database_errors
from recourse.runtime.settings import read_settings
from recourse.starter.client import Recourse
from recourse.starter.privacy import Piece, Privacy, Tally, export_party
from recourse.starter.reading import Orders

app = App(name="privacy", help="Show, erase and keep what is known of a person.")

Who = Annotated[str, Parameter(help="The party: `client:ID` or `freelancer:ID`.")]
OrderOrWho = Annotated[str, Parameter(help="An order's id, or a party: `client:ID` or `freelancer:ID`.")]
Reason = Annotated[str, Parameter(help="Why. It is kept, so name nobody in it.")]
Quiet = Annotated[bool, Parameter(negative="")]


def _party(text: str) -> tuple[Party, str]:
    role, _, party = text.partition(":")
    if role in ("client", "freelancer") and party:
        return ("client" if role == "client" else "freelancer"), party
    raise Stop(f"{text!r} is not a party: write `client:ID` or `freelancer:ID`.")


@app.command
async def export(party: Who, /, *, out: Path | None = None) -> None:
    """Export everything that a party may read of itself, over all its orders, as one JSON document.

    Per order: how it stands, the record as the party may see it, what the party was told, and its address.

    Parameters
    ----------
    out
        The file to write. Default: standard output.
    """
    role, name = _party(party)
    async with Orders.connect() as orders:
        pieces = export_party(orders, role, name)
        first = await anext(pieces)
        if out is None:
            sys.stdout.write(first)
            async for piece in pieces:
                sys.stdout.write(piece)
            return
        try:
            with out.open("w", encoding="utf-8") as file:
                file.write(first)
                async for piece in pieces:
                    file.write(piece)
        except OSError as error:
            raise Stop(f"{out} cannot be written: {error.strerror}.") from error
    console().print(f"Written to {out}.")


@app.command(name="erase")
async def erase_party(
    party: Who,
    /,
    *,
    reason: Reason,
    legal_basis: Annotated[str, Parameter(help="The legal basis, such as `Art. 17(1)(b) GDPR`. It is your decision.")],
    others_too: Quiet = False,
    yes: Yes = False,
    json: Json = False,
) -> int:
    """Erase what a party wrote, and its addresses. Shows what goes and asks for confirmation: nothing brings it back.

    Texts go from orders that are over, from PostgreSQL and from Temporal; ids, amounts, times and hashes stay. Orders
    that are open or can still be reached follow when they are over: `recourse privacy sweep` sees to that.

    Parameters
    ----------
    others_too
        Also erase what the other party and operators wrote in these orders.
    """
    role, name = _party(party)
    if not reason.strip() or not legal_basis.strip():
        raise Stop("An erasure needs a --reason and a --legal-basis.")
    async with Recourse.connect() as recourse:
        privacy = Privacy(recourse, files=_store())
        planned = await _tally(privacy.preview(role, name, others_too=others_too))
        if not json:
            _say(planned, "goes", f"of {role} {name}")
        ask(f"Erase this of {role} {name} for good?", yes=yes)
        done = await _tally(privacy.erase(role, name, others_too=others_too, reason=reason, legal_basis=legal_basis))
    return _answer(done, json, f"of {role} {name}")


@app.command
async def sweep(*, dry_run: Quiet = False, json: Json = False) -> int:
    """Erase what is due: wishes that had to wait, and what a policy's `keeping` keys keep no longer. Run it every day.

    Parameters
    ----------
    dry_run
        Only show what would go.
    """
    async with Recourse.connect() as recourse:
        done = await _tally(Privacy(recourse, files=_store()).sweep(dry_run=dry_run))
    return _answer(done, json, "", "would go" if dry_run else "went")


def _store() -> KeptFiles | None:
    return load_store(read_settings().evidence)


async def _tally(pieces: AsyncIterator[Piece]) -> Tally:
    tally = Tally()
    async for piece in pieces:
        tally.count(piece)
    return tally


def _answer(done: Tally, json: bool, of_whom: str, verb: str = "went") -> int:
    if json:
        left = [{"order_id": one.order_id, "what": one.what, "why": one.left, "says": one.says} for one in done.named]
        say_json({"erased": dict(done.pieces), "waits": dict(done.left), "first_that_wait": left})
    else:
        _say(done, verb, of_whom)
    stuck = done.left.keys() - {"open", "reachable", "held"}
    return NO if stuck else DONE


def _say(tally: Tally, verb: str, of_whom: str) -> None:
    about = f" {visible(of_whom)}" if of_whom else ""
    if not tally.pieces and not tally.left:
        console().print(f"There is nothing to erase{about}.")
    for what, count in sorted(tally.pieces.items()):
        name = "whole orders" if what == "order" else f"{what} of {count} {'order' if count == 1 else 'orders'}"
        console().print(f"{name[0].upper()}{name[1:]}{f': {count}' if what == 'order' else ''}: {verb}.")
    for piece in tally.named:
        console().print(f"{visible(piece.order_id)}, {piece.what}: {visible(piece.says)}.")
    if (more := tally.left.total() - len(tally.named)) > 0:
        console().print(f"And {more} more wait.")


def _target(text: str) -> dict[str, str]:
    role, _, party = text.partition(":")
    return {"role": role, "party": party} if role in ("client", "freelancer") and party else {"order_id": text}


@app.command
async def hold(target: OrderOrWho, /, *, reason: Reason) -> None:
    """Set a legal hold: nothing is erased of the order, or of any order of the party, until it is lifted."""
    if not reason.strip():
        raise Stop("A legal hold needs a --reason.")
    async with Orders.connect() as orders:
        if "order_id" in (on := _target(target)):
            await orders.order(target).state()
        with explaining_database_errors():
            await check_keeper(orders.pool)
            await set_hold(orders.pool, reason, **on)  # type: ignore[arg-type]
    console().print(f"{visible(target)} is under a legal hold.")


@app.command
async def lift(target: OrderOrWho, /) -> int:
    """Lift the legal holds on an order or a party."""
    async with Orders.connect() as orders:
        with explaining_database_errors():
            await check_keeper(orders.pool)
            standing = await holds(orders.pool, **_target(target))  # type: ignore[arg-type]
            await lift_holds(orders.pool, [one.number for one in standing])
    if not standing:
        console().print(f"{visible(target)} is under no legal hold.")
        return NO
    console().print(f"{visible(target)} is under no legal hold any more.")
    return DONE


@app.command
async def show(order_id: OrderId, /, *, json: Json = False) -> None:
    """Show what was erased of an order, when, by whom and why."""
    async with Orders.connect() as orders:
        with explaining_database_errors():
            erased = await erased_of(orders.pool, order_id)
            standing = await holds(orders.pool, order_id=order_id)
        if not erased:
            await orders.order(order_id).state()
    if json:
        say_json({"erased": erased, "legal_holds": standing})
        return
    for one in erased:
        console().print(erased_sentence(one))
    for held in standing:
        console().print(f"Under a legal hold since {write_instant(held.since)}: {visible(held.reason)}.")
    if not erased and not standing:
        console().print("Nothing was erased.")
