"""What people read for each code of the contract: one catalogue a language, `en.toml` for English.

A catalogue is read once, when the first module that uses it is imported, so that a workflow reads no file. Single texts
of the file that RECOURSE_WORDING names take the place of ours (docs/extending.md).
Texts that belong to one page or one sentence only, without a code, stand where they are used.
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

VARIABLE = "RECOURSE_WORDING"
Catalogue = Mapping[str, Mapping[str, Mapping[str, str]]]


class BadWording(BadInput):
    """A file of texts that cannot be used; the text says which, where and why."""


@cache
def _catalogue(language: str) -> Catalogue:
    ours = tomllib.loads((files(__name__) / f"{language}.toml").read_text(encoding="utf-8"))
    path = os.environ.get(VARIABLE)
    return with_own(ours, Path(path)) if path else ours


def with_own(ours: Catalogue, path: Path) -> Catalogue:
    """The catalogue with the texts of a file in place of ours. Raises BadWording."""
    try:
        own = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise BadWording(f"{VARIABLE}: {path} cannot be read: {error}.") from error
    known = dict(_flat(ours))
    merged = {subject: {code: dict(forms) for code, forms in codes.items()} for subject, codes in ours.items()}
    for key, text in _flat(own):
        name = ".".join(key)
        if key not in known:
            near = get_close_matches(name, [".".join(one) for one in known], 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise BadWording(f"{VARIABLE}: {path}: there is no text {name}{hint}")
        if not isinstance(text, str) or not text.strip():
            raise BadWording(f"{VARIABLE}: {path}: {name} must be a text that is not blank.")
        if _names_in(text) != _names_in(known[key]):
            wanted = ", ".join(f"{{{one}}}" for one in sorted(_names_in(known[key]))) or "no names in braces"
            raise BadWording(f"{VARIABLE}: {path}: {name} must hold {wanted}, as ours does: {known[key]!r}.")
        subject, code, form = key
        merged[subject][code][form] = text
    return merged


def _flat(table: Any, above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, (*above, name))
        else:
            yield (*above, name), value


def _names_in(text: str) -> set[str]:
    try:
        return {name for _, name, _, _ in Formatter().parse(text) if name is not None}
    except ValueError:  # a brace that stands alone
        return {text}


def texts(subject: str, form: str, language: str = "en") -> dict[str, str]:
    """The texts of a subject by code, such as `texts("silence", "short")`; without the codes that lack the form."""
    return {code: forms[form] for code, forms in _catalogue(language)[subject].items() if form in forms}
