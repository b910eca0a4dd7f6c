"""A fake of Stripe that remembers: payment intents, charges, refunds, accounts, transfers, reversals and disputes.

It answers as Stripe's HTTP API does, as far as separate charges and transfers need it. Amounts are Stripe's.
"""

import itertools
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Thing = dict[str, Any]
KEPT = 24 * 3600  # seconds that Stripe remembers a key
# How a card behaves: its money is in the balance at once, or the client's bank takes it back at once.
AT_ONCE, DISPUTED = "pm_card_bypassPending", "pm_card_createDispute"


@dataclass
class Refusal(Exception):
    """An error as Stripe answers it."""

    status: int
    message: str
    code: str | None = None
    param: str | None = None
    kind: str = "invalid_request_error"
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def body(self) -> Thing:
        named = {"type": self.kind, "message": self.message, "code": self.code, "param": self.param}
        return {"error": {name: value for name, value in named.items() if value is not None}}


@dataclass
class Kept:
    """What Stripe remembers of a key."""

    request: object
    at: float
    status: int
    body: Thing


class Books:
    """What Stripe knows. Tests change it as a client, a bank or a member of staff at Stripe would."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Begin anew, with empty books."""
        self.things: dict[str, Thing] = {}
        self.keys: dict[str, Kept] = {}
        self.events: list[Thing] = []
        self.available: dict[str, int] = {}
        self.later = 0.0
        self._numbers = itertools.count(1)

    def now(self) -> float:
        return time.time() + self.later

    def all(self, kind: str) -> list[Thing]:
        return [thing for thing in self.things.values() if thing["object"] == kind]

    # What others do.

    def fail_refund(self, refund: str, reason: str = "expired_or_canceled_card") -> None:
        """The client's bank sends a refund back: Stripe reports it by three events."""
        made = self.things[refund]
        made |= {"status": "failed", "failure_reason": reason, "failure_balance_transaction": self._id("txn")}
        charge = self.things[made["charge"]]
        charge["amount_refunded"] -= made["amount"]
        self._add(made["currency"], made["amount"])
        for kind in ("refund.updated", "refund.failed", "charge.refund.updated"):
            self._report(kind, made)

    def dispute(self, intent: str, amount: int | None = None, status: str = "needs_response") -> str:
        """The client's bank takes an amount of a payment back, or only asks (`warning_needs_response`)."""
        charge = self.things[self.things[intent]["latest_charge"]]
        opened = self._make(
            "dispute",
            "dp",
            amount=charge["amount"] if amount is None else amount,
            currency=charge["currency"],
            charge=charge["id"],
            payment_intent=intent,
            status=status,
            reason="fraudulent",
            evidence_details={"due_by": int(self.now()) + 7 * 86400, "has_evidence": False},
        )
        self._report("charge.dispute.created", opened)
        self.take(opened)
        return str(opened["id"])

    def take(self, dispute: Thing) -> None:
        """The money goes, unless the bank only asks."""
        if not dispute["status"].startswith("warning"):
            self.things[dispute["charge"]] |= {"disputed": True, "_decided": False}
            self._add(dispute["currency"], -dispute["amount"])
            self._report("charge.dispute.funds_withdrawn", dispute)

    def set_dispute(self, dispute: str, status: str) -> None:
        """The bank goes on with a dispute, or decides it."""
        known = self.things[dispute]
        charge = self.things[known["charge"]]
        before, known["status"] = known["status"], status
        if before.startswith("warning"):
            self.take(known)
        # What the bank left of it can be refunded.
        charge["_decided"] = status in ("won", "lost")
        if status == "won":
            charge["disputed"] = False
            self._add(known["currency"], known["amount"])
        closed = status in ("won", "lost", "warning_closed")
        self._report("charge.dispute.closed" if closed else "charge.dispute.updated", known)

    def reject(self, account: str, *, rejected: bool = True) -> None:
        """Stripe closes an account, or opens it again."""
        self.things[account]["capabilities"]["transfers"] = "inactive" if rejected else "active"
        self.things[account]["requirements"]["disabled_reason"] = "rejected.fraud" if rejected else None

    def charge_settles(self, intent: str) -> None:
        """What was paid is in the platform's balance now."""
        charge = self.things[self.things[intent]["latest_charge"]]
        self._add(charge["balance_transaction"]["currency"], charge.pop("_pending", 0))

    # What the API does.

    def post_payment_intents(self, given: Thing) -> Thing:
        amount, currency, card = int(given["amount"]), given["currency"], given.get("payment_method")
        made = self._make(
            "payment_intent",
            "pi",
            amount=amount,
            amount_received=0,
            currency=currency,
            status="requires_payment_method",
            latest_charge=None,
            metadata=given.get("metadata", {}),
            transfer_group=given.get("transfer_group"),
        )
        if card and given.get("confirm") == "true":
            settled = {"id": self._id("txn"), "object": "balance_transaction", "amount": amount, "currency": currency}
            charge = self._make(
                "charge",
                "ch",
                amount=amount,
                amount_captured=amount,
                amount_refunded=0,
                currency=currency,
                payment_intent=made["id"],
                transfer_group=made["transfer_group"],
                disputed=False,
                balance_transaction=settled,
                _pending=amount,
            )
            made |= {"status": "succeeded", "amount_received": amount, "latest_charge": charge["id"]}
            if card == AT_ONCE:
                self.charge_settles(made["id"])
            if card == DISPUTED:
                self.dispute(made["id"])
        return made

    def post_payment_intent(self, intent: str, given: Thing) -> Thing:
        known = self.get(intent, "payment_intent", "intent")
        known["metadata"] |= given.get("metadata", {})
        return known

    def post_refunds(self, given: Thing) -> Thing:
        intent = self.get(given["payment_intent"], "payment_intent", "payment_intent")
        charge = self.things[intent["latest_charge"]]
        left = charge["amount"] - charge["amount_refunded"]
        amount = int(given.get("amount", left))
        if charge.get("_expired"):
            raise Refusal(400, f"Charge {charge['id']} can no longer be refunded.", "charge_not_refundable")
        if charge["disputed"] and not charge.get("_decided"):
            raise Refusal(
                400, f"Charge {charge['id']} has been charged back; cannot issue a refund.", "charge_disputed"
            )
        if not left:
            raise Refusal(400, f"Charge {charge['id']} has already been refunded.", "charge_already_refunded")
        if not 0 < amount <= left:
            raise Refusal(400, f"Refund amount ({amount}) is greater than what is left ({left}).", None, "amount")
        charge["amount_refunded"] += amount
        self._draw(charge, amount)
        return self._make(
            "refund",
            "re",
            amount=amount,
            currency=charge["currency"],
            charge=charge["id"],
            payment_intent=intent["id"],
            status=given.get("_status", "succeeded"),
            metadata=given.get("metadata", {}),
        )

    def post_accounts(self, given: Thing) -> Thing:
        return self._make(
            "account",
            "acct",
            type=given.get("type", "express"),
            capabilities={"transfers": "active"},
            requirements={"disabled_reason": None},
            metadata=given.get("metadata", {}),
        )

    def post_transfers(self, given: Thing) -> Thing:
        amount, currency, source = int(given["amount"]), given["currency"], given.get("source_transaction")
        account = self.things.get(given["destination"])
        if account is None:
            raise Refusal(400, f"No such destination: '{given['destination']}'", "resource_missing", "destination")
        if account["capabilities"]["transfers"] != "active":
            raise Refusal(
                400, "Your destination account needs `transfers` enabled.", "insufficient_capabilities_for_transfer"
            )
        if source:
            charge = self.things[source]
            gone = sum(each["amount"] for each in self.all("transfer") if each["source_transaction"] == source)
            if charge["balance_transaction"]["currency"] != currency:
                raise Refusal(400, "The source's currency must be that of the transfer.", None, "source_transaction")
            if gone + amount > charge["amount"] - charge["amount_refunded"]:
                raise Refusal(400, "The transfer exceeds its source.", None, "amount")
            charge["transfer_group"] = charge["transfer_group"] or given.get("transfer_group")
            self._draw(charge, amount)
        elif self.available.get(currency, 0) < amount:
            raise Refusal(400, "You have insufficient available funds.", "balance_insufficient")
        else:
            self._add(currency, -amount)
        return self._make(
            "transfer",
            "tr",
            amount=amount,
            amount_reversed=0,
            reversed=False,
            reversals={"object": "list", "data": [], "has_more": False},
            currency=currency,
            destination=account["id"],
            source_transaction=source,
            transfer_group=given.get("transfer_group"),
            metadata=given.get("metadata", {}),
        )

    def post_reversals(self, transfer: str, given: Thing) -> Thing:
        made = self.get(transfer, "transfer", "id")
        amount = int(given.get("amount", made["amount"] - made["amount_reversed"]))
        if amount > made["amount"] - made["amount_reversed"]:
            raise Refusal(400, "More than is left of the transfer.", None, "amount")
        back = self._make(
            "transfer_reversal", "trr", amount=amount, transfer=transfer, metadata=given.get("metadata", {})
        )
        made["reversals"]["data"].append(back)
        made["amount_reversed"] += amount
        made["reversed"] = made["amount_reversed"] == made["amount"]
        self._add(made["currency"], amount)
        self._report("transfer.reversed", made)
        return back

    def get(self, id_: str, kind: str, param: str) -> Thing:
        """An object of a kind, or Stripe's error."""
        found = self.things.get(id_)
        if found is None or found["object"] != kind:
            if kind == "account":
                raise Refusal(403, f"The provided key does not have access to account '{id_}'.", "account_invalid")
            raise Refusal(404, f"No such {kind}: '{id_}'", "resource_missing", param)
        return found

    def listed(self, kind: str, given: Thing) -> Thing:
        """A page of a list, the newest first."""
        limit, after = int(given.get("limit", 10)), given.get("starting_after")
        since = int(given.get("created", {}).get("gte", 0))
        same = [name for name in ("payment_intent", "transfer_group") if name in given]
        fits: Callable[[Thing], bool] = lambda thing: (  # noqa: E731
            thing["created"] >= since and all(thing.get(name) == given[name] for name in same)
        )
        found = [thing for thing in reversed(self.all(kind)) if fits(thing)]
        if after:
            found = found[[thing["id"] for thing in found].index(after) + 1 :]
        return {"object": "list", "url": f"/v1/{kind}s", "has_more": len(found) > limit, "data": found[:limit]}

    def _make(self, kind: str, prefix: str, **values: Any) -> Thing:
        made = {"id": self._id(prefix), "object": kind, "created": int(self.now()), "metadata": {}, **values}
        self.things[made["id"]] = made
        return made

    def _id(self, prefix: str) -> str:
        return f"{prefix}_{next(self._numbers)}"

    def _draw(self, charge: Thing, amount: int) -> None:
        # Out of what the charge still has on its way, and then out of the balance.
        pending = min(charge.get("_pending", 0), amount)
        charge["_pending"] = charge.get("_pending", 0) - pending
        self._add(charge["currency"], pending - amount)

    def _add(self, currency: str, amount: int) -> None:
        self.available[currency] = self.available.get(currency, 0) + amount

    def _report(self, kind: str, about: Thing) -> None:
        snapshot = {name: value for name, value in about.items() if not name.startswith("_")}
        self.events.append(
            {
                "id": self._id("evt"),
                "object": "event",
                "type": kind,
                "created": int(self.now()),
                "livemode": False,
                "data": {"object": snapshot},
            }
        )
