"""What people read for each code of the contract: `en.toml` has the English texts, the catalogues their translations.

The file is read once, when the first module that uses it is imported, so that a workflow reads no file. Single texts of
the file that RECOURSE_WORDING names take the place of ours (docs/extending.md).
Texts that belong to one page or one sentence only, without a code, stand where they are used, in `say`.
"""

import os
import tomllib
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from pathlib import Path
from string import Formatter
from typing import Any

from recourse.errors import BadInput
from recourse.wording.languages import ENGLISH, LANGUAGES, language, say_about

VARIABLE = "RECOURSE_WORDING"
Catalogue = Mapping[str, Mapping[str, Mapping[str, str]]]


class BadWording(BadInput):
    """A file of texts that cannot be used; the text says which, where and why."""


@cache
def _ours() -> Catalogue:
    return tomllib.loads((files(__name__) / "en.toml").read_text(encoding="utf-8"))


@cache
def _own() -> Mapping[str, Mapping[str, str]]:
    path = os.environ.get(VARIABLE)
    return own_texts(Path(path)) if path else {}


def own_texts(path: Path) -> dict[str, dict[str, str]]:
    """The texts of a file that take the place of ours: by language, by their keys. Raises BadWording.

    A table of the name of a language, such as `[de.notice]`, has texts of that language; all others are English.
    """
    try:
        own = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise BadWording(f"{VARIABLE}: {path} cannot be read: {error}.") from error
    known = flat(_ours())
    foreign = {code: own.pop(code) for code in set(LANGUAGES) - {ENGLISH} if isinstance(own.get(code), Mapping)}
    found: dict[str, dict[str, str]] = {}
    for code, table in {ENGLISH: own, **foreign}.items():
        for name, text in flat(table).items():
            shown = name if code == ENGLISH else f"{code}.{name}"
            if name not in known:
                near = get_close_matches(name, known, 1)
                hint = f"; did you mean {near[0]}?" if near else ""
                raise BadWording(f"{VARIABLE}: {path}: there is no text {shown}{hint}")
            if not isinstance(text, str) or not text.strip():
                raise BadWording(f"{VARIABLE}: {path}: {shown} must be a text that is not blank.")
            if names_in(text) != names_in(known[name]):
                wanted = ", ".join(f"{{{one}}}" for one in sorted(names_in(known[name]))) or "no names in braces"
                raise BadWording(f"{VARIABLE}: {path}: {shown} must hold {wanted}, as ours does: {known[name]!r}.")
            found.setdefault(code, {})[name] = text
    return found


def flat(table: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """The texts of a table of tables, by their keys, such as `silence.accept.long`."""
    found: dict[str, Any] = {}
    for name, value in table.items():
        found |= flat(value, f"{above}{name}.") if isinstance(value, Mapping) else {f"{above}{name}": value}
    return found


def names_in(text: str) -> set[str]:
    """The names in braces of a text."""
    try:
        return {name for _, name, _, _ in Formatter().parse(text) if name is not None}
    except ValueError:  # a brace that stands alone
        return {text}


class Texts(Mapping[str, str]):
    """Texts by code, each in the language that is spoken when it is looked up."""

    def __init__(self, known: Mapping[str, tuple[str, str]]) -> None:
        self._known = known

    def __getitem__(self, code: str) -> str:
        key, ours = self._known[code]
        own = _own().get(language(), {}).get(key)
        return say_about(key, ours) if own is None else own

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)

    def __or__(self, other: "Texts") -> "Texts":
        return Texts({**self._known, **other._known})


def texts(subject: str, form: str) -> Texts:
    """The texts of a subject by code, such as `texts("silence", "short")`; without the codes that lack the form."""
    # A mistake in a file of one's own is found at the start.
    _own()
    codes = _ours()[subject].items()
    return Texts({code: (f"{subject}.{code}.{form}", forms[form]) for code, forms in codes if form in forms})
