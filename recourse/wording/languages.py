"""The language that is spoken: texts of the pages and mails in the reader's language, out of its catalogue.

The English text of a message is its name in the catalogues. The language is that of the running task: English, unless
`speaking` says otherwise, so workflows and the command line speak English.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from gettext import GNUTranslations, NullTranslations
from importlib.resources import files
from io import BytesIO
from typing import Any

ENGLISH = "en"
# Each language whose catalogue is complete, by its code, with its own name for itself.
LANGUAGES = {
    "en": "English",
    "de": "Deutsch",
    "es": "Español",
    "ar": "العربية",
}
RIGHT_TO_LEFT = frozenset({"ar", "fa", "he", "ur"})

_spoken: ContextVar[str] = ContextVar("recourse_language", default=ENGLISH)


def language() -> str:
    """The code of the language that is spoken now."""
    return _spoken.get()


def direction() -> str:
    """In which direction that language is written: `ltr` or `rtl`."""
    return "rtl" if language() in RIGHT_TO_LEFT else "ltr"


def read_language(code: str) -> str:
    """The code of a language that is offered. Raises ValueError."""
    if code not in LANGUAGES:
        raise ValueError(f"is not a language that is offered: write one of {', '.join(LANGUAGES)}")
    return code


def first_offered(wanted: Iterable[str], default: str) -> str:
    """The first of some codes, such as `de` or `de-AT`, whose language is offered; else the default."""
    known = (code.strip().lower().partition("-")[0] for code in wanted)
    return next((code for code in known if code in LANGUAGES), default)


def preferred(header: str) -> list[str]:
    """The codes of an Accept-Language header, such as `de-AT,de;q=0.9,en;q=0.5`, the most wanted first."""
    ranked: list[tuple[float, str]] = []
    for one in header.split(",")[:20]:
        code, _, weight = one.partition(";q=")
        try:
            rank = float(weight or 1)
        except ValueError:
            continue
        if rank > 0:
            ranked.append((rank, code))
    return [code for _, code in sorted(ranked, key=lambda one: -one[0])]


@contextmanager
def speaking(code: str) -> Iterator[None]:
    """Speak a language inside of the block."""
    before = _spoken.set(code)
    try:
        yield
    finally:
        _spoken.reset(before)


def say(message: str, /, **values: Any) -> str:
    """A text in the language that is spoken. `values` take the place of the names in braces."""
    text = message if language() == ENGLISH else catalogue(language()).gettext(message)
    return text.format(**values) if values else text


def say_many(one: str, many: str, count: int, /, **values: Any) -> str:
    """A text with a number, `{count}`, in the form that the language has for it."""
    chosen = one if count == 1 else many
    text = chosen if language() == ENGLISH else catalogue(language()).ngettext(one, many, count)
    return text.format(count=count, **values)


def say_about(context: str, message: str) -> str:
    """A text that has the key `context` in the file of texts."""
    return message if language() == ENGLISH else catalogue(language()).pgettext(context, message)


def to_say(message: str) -> str:
    """A text that `say` says when it is needed; this only puts it into the catalogues."""
    return message


@cache
def catalogue(code: str) -> NullTranslations:
    """The texts of a language; English where it has none. Raises LookupError where there is no such catalogue."""
    # Only a process that speaks other languages needs Babel.
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    path = files(__package__).joinpath("locale", code, "LC_MESSAGES", "recourse.po")
    if not path.is_file():
        raise LookupError(f"there is no catalogue of texts for the language {code!r}")
    compiled = BytesIO()
    with path.open("rb") as source:
        write_mo(compiled, read_po(source, locale=code))
    compiled.seek(0)
    return GNUTranslations(compiled)
