"""What Stripe's errors mean: never, or not yet. docs/payments.md shows this table."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from stripe import StripeError

from recourse.ports import CannotPay, TryLater


@dataclass(frozen=True)
class Meaning:
    """What some errors mean. An error is one of them if it has one of these codes or types, or says `message`, or has
    one of these statuses and, where `params` says so, is about one of these parameters. `says` may name {payment},
    {destination}, {amount} and {key}. `unmoved`: the call moved nothing, although Stripe keeps its answer for a day."""

    verdict: Literal["never", "not yet"]
    says: str
    codes: tuple[str, ...] = ()
    statuses: tuple[int, ...] = ()
    params: tuple[str, ...] = ()
    message: str | None = None
    unmoved: bool = False

    def means(self, error: StripeError) -> bool:
        """Whether `error` is one of them."""
        about = not self.params or getattr(error, "param", None) in self.params
        said = self.message is not None and self.message in (error.user_message or "")
        return said or not _words(error).isdisjoint(self.codes) or (error.http_status in self.statuses and about)


# The first that fits counts.
MEANINGS = (
    Meaning(
        "not yet",
        "Stripe refuses the key in RECOURSE_STRIPE_KEY.",
        codes=("api_key_expired", "platform_api_key_expired", "secret_key_required", "livemode_mismatch"),
        statuses=(401,),
        # A key of the test mode met an object of the live mode.
        message="a similar object exists in",
    ),
    Meaning("not yet", "Stripe asks for fewer calls.", codes=("rate_limit", "lock_timeout"), statuses=(429,)),
    Meaning(
        "not yet",
        "Stripe is still at work on an earlier call with the key {key}.",
        codes=("idempotency_key_in_use",),
        statuses=(409,),
    ),
    Meaning(
        "not yet",
        "The platform's balance at Stripe does not cover {amount}.",
        codes=("balance_insufficient", "insufficient_funds"),
        unmoved=True,
    ),
    # Not `never`: it may be paid, by a call that was made while more of the payment was left. A look shows it.
    Meaning(
        "not yet",
        "The key {key} has stood for something else at Stripe within a day.",
        codes=("idempotency_error",),
    ),
    Meaning(
        "never",
        "The account {destination} at Stripe is closed, or may not receive transfers.",
        codes=("account_closed", "insufficient_capabilities_for_transfer", "transfers_not_allowed"),
    ),
    Meaning(
        "never",
        "Stripe knows no account {destination}.",
        codes=("account_invalid",),
        statuses=(400, 404),
        params=("destination", "account"),
    ),
    Meaning("not yet", "The key in RECOURSE_STRIPE_KEY may not do this.", statuses=(403,)),
    Meaning(
        "never",
        "Stripe knows no payment {payment}.",
        statuses=(400, 404),
        params=("payment_intent", "intent"),
    ),
    Meaning(
        "never",
        "Stripe does not move an amount such as {amount}.",
        codes=("amount_too_small", "amount_too_large"),
    ),
    Meaning(
        "never",
        "The client's bank disputes the payment {payment}.",
        codes=("charge_disputed", "refund_disputed_payment"),
    ),
    Meaning(
        "never",
        "{amount} is more than is left of the payment {payment}.",
        codes=("charge_already_refunded",),
        statuses=(400,),
        params=("amount",),
    ),
    Meaning(
        "never",
        "The currency of {amount} is not the one in which Stripe has the money.",
        codes=("invalid_currency",),
        statuses=(400,),
        params=("currency", "source_transaction"),
    ),
    Meaning("never", "Stripe refuses {amount}.", statuses=(400, 402, 404)),
    Meaning("not yet", "Stripe has failed.", statuses=(424, *range(500, 600))),
)
# Without a status no answer came.
_UNREACHED = Meaning("not yet", "Stripe did not answer.")


def meaning_of(error: StripeError) -> Meaning:
    """What an error means. An answer that nobody foresaw is `not yet`."""
    return next((meaning for meaning in MEANINGS if meaning.means(error)), _UNREACHED)


def judged(error: StripeError, names: Mapping[str, Any]) -> CannotPay | TryLater | TimeoutError:
    """What to raise in its place; `names` are those that the sentences use. TimeoutError: it may be at work on it."""
    meaning = meaning_of(error)
    said = " ".join((error.user_message or "nothing").split())
    reason = f"{meaning.says.format_map(names)} It says: {said}"
    if meaning.verdict == "never":
        return CannotPay(reason)
    if error.http_status is None:
        return TimeoutError(reason)
    return TryLater(reason, _seconds((error.headers or {}).get("Retry-After")))


def _words(error: StripeError) -> set[str]:
    """What the answer calls the error: its code and its type. Only some of the package's errors have a code."""
    said = error.json_body.get("error") if isinstance(error.json_body, dict) else None
    return {str(said.get(name)) for name in ("code", "type")} if isinstance(said, dict) else set()


def _seconds(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None
