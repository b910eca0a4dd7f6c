"""Notices in plain sentences, for people: what happened, what is asked, the money, until when, what silence means."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import structlog
from jinja2 import (
    BaseLoader,
    Environment,
    FileSystemLoader,
    PackageLoader,
    StrictUndefined,
    TemplatesNotFound,
    TemplateSyntaxError,
    UndefinedError,
    select_autoescape,
)

from recourse.activities.about import NOTHING, About
from recourse.errors import BadInput
from recourse.resolution.model.display import order_name
from recourse.resolution.model.fields import visible
from recourse.resolution.model.notice import NOTICES, Amounts, Notice
from recourse.resolution.model.vocabulary import PARTIES, Party
from recourse.runtime.brand import Brand
from recourse.wording import texts
from recourse.wording.english import as_words, capital, lowered, word
from recourse.wording.languages import say, speaking
from recourse.wording.reader import amount as written
from recourse.wording.reader import listed, long_instant, short_instant, span
from recourse.wording.templates import FUNCTIONS

_log = structlog.get_logger("recourse.mail")
UNBRANDED, _OURS = Brand(), Brand(color="#1d4f91")
SENTENCES = texts("notice", "title")
SILENCE = texts("silence", "long") | texts("fallback", "long") | texts("deadline", "then")
ANSWERS = texts("command", "answer")
_ASKS = texts("request", "asks")
_HOW = texts("how", "past")
_OUTCOMES = texts("outcome", "done")
_REASONS = texts("reason", "name")
_NOUNS, _RATINGS = texts("role", "noun"), texts("rating", "word")
_ASKING = frozenset({"request_opened", "request_countered", "answer_reminder"})
# Every template is rendered with this notice at the start, so that a bad one is found before a mail needs it.
_SAMPLE = Notice.model_validate(
    {
        "id": "n",
        "to": "client",
        "name": "request_opened",
        "at": "2025-03-04T10:00:00Z",
        "body": {
            "order_id": "1002",
            "phase": "in_progress",
            "request": None,
            "case": None,
            "resolution": None,
            "amounts": {"client": 0, "freelancer": 0, "platform": 0, "held": 10_550, "currency": "USD"},
            "settlement": "none",
            "turn": "client",
            "deadline": "2025-03-06T10:00:00Z",
            "silence_means": "accept",
            "answers": ["accept", "decline"],
        },
    }
)
# A mail has a subject, a text and an HTML page. A template is named after its notice; `notice` is for all others.
_PARTS = ("subject.j2", "txt.j2", "html.j2")


class BadTemplates(BadInput):
    """Templates of mails that cannot be used; the sentence says where and why."""


class Letter(NamedTuple):
    """A mail: its subject, its text, and the same as an HTML page."""

    subject: str
    text: str
    html: str


class Letters:
    """Writes mails: by the built-in templates, or by those of a folder, file by file.

    Raises BadTemplates where a file of the folder cannot be used.
    """

    def __init__(self, folder: Path | None = None, brand: Brand = UNBRANDED) -> None:
        self._brand = brand
        self._ours = _environment(PackageLoader("recourse.activities"))
        self._theirs = _environment(FileSystemLoader(folder)) if folder else None
        if folder:
            self._check(folder)

    @property
    def language(self) -> str:
        """The code of the language that mails are written in."""
        return self._brand.language

    def write(self, notice: Notice, about: About = NOTHING, link: str = "", *, signs_in: bool = False) -> Letter:
        """The mail of a notice and of the others in `about`. `link` opens the order; `signs_in`: it signs in, too."""
        with speaking(self.language):
            said = self._said(notice, about) | {"link": link, "signs_in": signs_in}
            subject, text, html = (self._rendered(part, said) for part in _PARTS)
        return Letter(" ".join(subject.split()), text.strip("\n"), html)

    def _rendered(self, part: str, said: Mapping[str, Any]) -> str:
        if self._theirs:
            try:
                return self._theirs.select_template([f"{said['notice']}.{part}", f"notice.{part}"]).render(said)
            except TemplatesNotFound:
                pass
            except Exception as error:  # noqa: BLE001 - whatever a template does, the mail goes out
                # Its text may hold words of a party.
                why = type(error).__name__
                _log.warning("a template of a mail failed; the built-in one was used", part=part, error=why)
        return self._ours.get_template(f"notice.{part}").render(said)

    def _check(self, folder: Path) -> None:
        assert self._theirs is not None
        known = {f"{name}.{part}" for name in ("notice", *NOTICES) for part in _PARTS}
        try:
            names = sorted(path.name for path in folder.iterdir() if path.name.endswith(".j2"))
        except OSError as error:
            raise BadTemplates(f"{folder} cannot be read: {error.strerror}") from error
        for name in names:
            if name not in known and not name.startswith("_"):
                raise BadTemplates(f"{name} belongs to no notice; name it as in docs/pages.md, or begin it with _")
            try:
                template = self._theirs.get_template(name)
                if name in known:
                    template.render(self._said(_SAMPLE, NOTHING) | {"link": "", "signs_in": False})
            except TemplateSyntaxError as error:
                raise BadTemplates(f"{error.name}, line {error.lineno}: {error.message}") from error
            except UndefinedError as error:
                offered = ", ".join(sorted({*self._said(_SAMPLE, NOTHING), "link", "signs_in"}))
                raise BadTemplates(f"{name}: {error}; a template has {offered}") from error
            except Exception as error:
                raise BadTemplates(f"{name}: {error}") from error

    def _said(self, notice: Notice, about: About) -> dict[str, Any]:
        """The names that a template can use."""
        told = (notice, *about.also)
        # The notice that asks for something comes first; the step's other notices follow.
        main = max(told, key=lambda one: (bool(one.body.answers), one.body.deadline is not None))
        body, reader = main.body, main.to
        light, dark = (self._brand if self._brand.color else _OURS).shades
        return {
            "notice": main.name,
            "reader": reader,
            "brand": self._brand,
            "light": light,
            "dark": dark,
            "order_id": body.order_id,
            "display": about.display,
            "title": (about.display and about.display.title) or say("Order {order}", order=body.order_id),
            "called": order_name(body.order_id, about.display, reader),
            "name": about.display.name_of(reader) if about.display and reader != "operator" else None,
            "what": _asked(main, about) or as_words(main.name),
            "until": _until(main),
            "happened": list(dict.fromkeys(sentence for one in told for sentence in _happened(one, about))),
            "quoted": [quote for one in told for quote in _quoted(one)],
            "money": _money(body.amounts, reader, about),
            "closed": body.phase in ("completed", "canceled"),
            "if_accepted": _money(body.if_accepted, reader, about) if body.if_accepted else [],
            "deadline": long_instant(body.deadline) if body.deadline else None,
            "silence": SILENCE[body.silence_means] if body.silence_means else None,
            "answers": [ANSWERS[answer] for answer in body.answers],
            "can": listed([ANSWERS[answer] for answer in body.answers], "or") if body.answers else "",
        }


def _environment(loader: BaseLoader) -> Environment:
    made = Environment(
        loader=loader,
        undefined=StrictUndefined,
        # Also parts of one's own, of any name: they may hold words of a party.
        autoescape=select_autoescape(enabled_extensions=(), disabled_extensions=("txt.j2", "subject.j2"), default=True),
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: visible(value, lines=True) if type(value) is str else value,
    )
    made.globals |= FUNCTIONS
    return made


def letter(notice: Notice) -> str:
    """The text of one notice. Amounts and instants are written for people; what a party wrote is quoted."""
    return _plain.write(notice).text


def subject(notice: Notice) -> str:
    """The subject of the letter; it holds nothing that a party wrote."""
    return _plain.write(notice).subject


def _until(notice: Notice) -> str:
    at = notice.body.deadline
    if not at or not notice.body.answers:
        return ""
    if notice.name in _ASKING or notice.name == "proposal_made":
        return say("Answer by {instant}", instant=short_instant(at))
    return say("Act by {instant}", instant=short_instant(at))


def _asked(notice: Notice, about: About) -> str:
    """Who asks for what, where an answer is asked for."""
    asking = notice.body.request if notice.name in _ASKING else None
    if asking is None:
        return ""
    asks, named = _ASKS[asking.kind], _named(asking.opened_by, about)
    if asking.opened_by == notice.to:
        return say("You ask {asks}", asks=asks)
    if named:
        return say("{name} asks {asks}", name=named, asks=asks)
    return (
        say("The client asks {asks}", asks=asks)
        if asking.opened_by == "client"
        else say("The freelancer asks {asks}", asks=asks)
    )


def _quoted(notice: Notice) -> list[tuple[str, str]]:
    body = notice.body
    said = (
        (say("They write"), body.comment),
        (say("They write"), body.text),
        (say("The explanation"), body.explanation),
    )
    return [(title, text) for title, text in said if text]


def _named(party: Party, about: About) -> str | None:
    return about.display.name_of(party) if about.display else None


def _happened(notice: Notice, about: About) -> Iterator[str]:
    body, currency = notice.body, notice.body.amounts.currency
    request, resolution, amount = body.request, body.resolution, body.amount
    yield SENTENCES.get(notice.name, f"{capital(as_words(notice.name))}.")
    asking = request if notice.name in _ASKING else None
    if asking:
        said = _asked(notice, about)
        yield f"{said}: {span(asking.extend_by)}." if asking.extend_by else f"{said}."
        amount = asking.amount
    if body.until:
        yield say("This lasts until {instant} at most.", instant=long_instant(body.until))
    if body.chargeback:
        took = say("The bank took {amount}.", amount=written(body.chargeback.amount, currency))
        won, lost = say("It has given that back."), say("It is the client's for good.")
        yield took if body.chargeback.status == "open" else f"{took} {won if body.chargeback.status == 'won' else lost}"
        if body.chargeback.status == "open" and body.chargeback.respond_by:
            until = long_instant(body.chargeback.respond_by)
            yield say("The marketplace can answer it until {instant}.", instant=until)
    if body.reason:
        yield say("The reason given: {reason}.", reason=lowered(word(_REASONS, body.reason)))
    if notice.name in ("order_canceled", "money_settled") and resolution:
        yield _HOW[resolution.how].format(initiator=_NOUNS[resolution.initiator])
    if body.outcome:
        yield f"{capital(_OUTCOMES[body.outcome])}."
    if body.rating:
        yield say("The rating is {rating}.", rating=_RATINGS[body.rating])
    if notice.name == "debt_recorded" and amount is not None:
        yield say("The debt is {amount}.", amount=written(amount, currency))
    elif amount is not None:
        refund = body.outcome == "refund" or (asking is not None and asking.kind == "partial_refund")
        sum_ = written(amount, currency)
        if refund:
            yield say("Of the price, the client gets back {amount}.", amount=sum_)
        else:
            yield say("Of the price, the freelancer gets {amount} before commission.", amount=sum_)


def _money(amounts: Amounts, reader: str, about: About) -> list[str]:
    names: dict[str, str] = {
        party: say("you") if party == reader else _named(party, about) or _NOUNS[party] for party in PARTIES
    }
    names |= {"platform": say("platform"), "contested": say("with the bank"), "held": say("in escrow")}
    return [f"{names[name]} {written(amount, amounts.currency)}" for name, amount in amounts.parts.items() if amount]


_plain = Letters()
