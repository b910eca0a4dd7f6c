"""More time, updates, partial refunds and extras, in sentences."""

from collections.abc import Callable
from datetime import timedelta

from recourse.policies.sentences.answering import reminder_words
from recourse.policies.sentences.sentence import Sentence, kind_missing
from recourse.resolution.model.durations import write_percentage
from recourse.resolution.model.policy import Policy
from recourse.resolution.model.vocabulary import Party, Silence, other
from recourse.wording.english import capital, span, who

_EXTENSION = kind_missing("extension")
_UPDATE = kind_missing("update")
_REFUND = kind_missing("partial_refund")
_EXTRA = kind_missing("extra")


def _outcome(silence: Silence, accepted: str) -> str:
    match silence:
        case "accept":
            return accepted
        case "decline":
            return "the request counts as declined"
        case _:
            return "the request lapses"


def _extension_window(policy: Policy) -> str:
    window = span(policy.requests.extension.window.client_asked)
    return f"A freelancer may ask for more time; the client has {window} to answer."


def _extension_silence(policy: Policy) -> str:
    outcome = _outcome(policy.requests.extension.silence.client_asked, "the due date moves as asked")
    return f"If the client does not answer a request for more time, {outcome}."


def _update_window(policy: Policy) -> str:
    window = span(policy.requests.update.window.freelancer_asked)
    return f"A client may ask for an update; the freelancer has {window} to give it."


def _update_silence(policy: Policy) -> str:
    outcome = _outcome(policy.requests.update.silence.freelancer_asked, "")
    return f"If the freelancer gives no update, {outcome}."


def _refund_by(policy: Policy) -> str:
    return f"{capital(who(policy.requests.partial_refund.by))} may ask that a part of the price goes back."


def _refund_client(policy: Policy) -> str:
    window = span(policy.requests.partial_refund.window.client_asked)
    return f"When the freelancer names the part, the client has {window} to answer."


def _refund_freelancer(policy: Policy) -> str:
    window = span(policy.requests.partial_refund.window.freelancer_asked)
    return f"When the client names the part, the freelancer has {window} to answer."


def _refund_silence_client(policy: Policy) -> str:
    outcome = _outcome(policy.requests.partial_refund.silence.client_asked, "that part is paid back")
    return f"If the client does not answer that, {outcome}."


def _refund_silence_freelancer(policy: Policy) -> str:
    outcome = _outcome(policy.requests.partial_refund.silence.freelancer_asked, "that part is paid back")
    return f"If the freelancer does not answer that, {outcome}."


def _price_above(policy: Policy) -> str:
    least = policy.requests.partial_refund.price_above
    return f"Partial refunds are for orders whose price is above {least} (in the currency's smallest unit)."


def _at_most(policy: Policy) -> str:
    share = write_percentage(policy.requests.partial_refund.at_most)
    return f"All partial refunds of one order together give back at most {share} of its price."


def _refund_counters(policy: Policy) -> str:
    most = policy.requests.partial_refund.max_counters
    how_many = f"up to {most} counter-offer{'' if most == 1 else 's'}" if most else "no counter-offer"
    return f"Within one partial refund there may be {how_many}, those of both sides together."


def _never_asked_for_a_refund(party: Party) -> Callable[[Policy], str | None]:
    def idle(policy: Policy) -> str | None:
        refund = policy.requests.partial_refund
        if _REFUND(policy) or refund.max_counters or other(party) in refund.by:
            return _REFUND(policy)
        return f"requests.partial_refund.by names nobody but the {party}, and requests.partial_refund.max_counters is 0"

    return idle


def _extra_window(policy: Policy) -> str:
    window = span(policy.requests.extra.window.client_asked)
    return f"A freelancer may offer extra work at extra cost; the client has {window} to answer."


def _extra_silence(policy: Policy) -> str:
    outcome = _outcome(policy.requests.extra.silence.client_asked, "")
    return f"If the client does not answer an offered extra, {outcome}."


def _cooldown(
    key: str, what: str, wait: Callable[[Policy], timedelta], idle: Callable[[Policy], str | None]
) -> Sentence:
    def say(policy: Policy) -> str:
        length = wait(policy)
        how_long = (
            f"waits {span(length)} before it asks for anything but a cancellation" if length else "may ask at once"
        )
        return f"After {what} was declined, the party that asked {how_long}."

    return Sentence(f"requests.{key}.cooldown", say, idle)


_CLIENT_NEVER_ASKED = _never_asked_for_a_refund("client")
_FREELANCER_NEVER_ASKED = _never_asked_for_a_refund("freelancer")
OTHER_REQUESTS = (
    Sentence("requests.extension.window.client_asked", _extension_window, _EXTENSION),
    Sentence("requests.extension.silence.client_asked", _extension_silence, _EXTENSION),
    Sentence(
        "requests.extension.reminder",
        lambda policy: reminder_words(policy.requests.extension.reminder, "the client", "a request for more time"),
        _EXTENSION,
    ),
    _cooldown("extension", "a request for more time", lambda policy: policy.requests.extension.cooldown, _EXTENSION),
    Sentence("requests.update.window.freelancer_asked", _update_window, _UPDATE),
    Sentence("requests.update.silence.freelancer_asked", _update_silence, _UPDATE),
    Sentence(
        "requests.update.reminder",
        lambda policy: reminder_words(policy.requests.update.reminder, "the freelancer", "a request for an update"),
        _UPDATE,
    ),
    _cooldown("update", "a request for an update", lambda policy: policy.requests.update.cooldown, _UPDATE),
    Sentence("requests.partial_refund.by", _refund_by, _REFUND),
    Sentence("requests.partial_refund.price_above", _price_above, _REFUND),
    Sentence("requests.partial_refund.at_most", _at_most, _REFUND),
    Sentence("requests.partial_refund.window.client_asked", _refund_client, _CLIENT_NEVER_ASKED),
    Sentence("requests.partial_refund.window.freelancer_asked", _refund_freelancer, _FREELANCER_NEVER_ASKED),
    Sentence("requests.partial_refund.silence.client_asked", _refund_silence_client, _CLIENT_NEVER_ASKED),
    Sentence(
        "requests.partial_refund.silence.freelancer_asked",
        _refund_silence_freelancer,
        _FREELANCER_NEVER_ASKED,
    ),
    Sentence(
        "requests.partial_refund.reminder",
        lambda policy: reminder_words(
            policy.requests.partial_refund.reminder, "the party that must answer", "a partial refund"
        ),
        _REFUND,
    ),
    _cooldown("partial_refund", "a partial refund", lambda policy: policy.requests.partial_refund.cooldown, _REFUND),
    Sentence("requests.partial_refund.max_counters", _refund_counters, _REFUND),
    Sentence("requests.extra.window.client_asked", _extra_window, _EXTRA),
    Sentence("requests.extra.silence.client_asked", _extra_silence, _EXTRA),
    Sentence(
        "requests.extra.reminder",
        lambda policy: reminder_words(policy.requests.extra.reminder, "the client", "an offered extra"),
        _EXTRA,
    ),
    _cooldown("extra", "an extra", lambda policy: policy.requests.extra.cooldown, _EXTRA),
)
