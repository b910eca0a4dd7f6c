"""What people read for each code of the contract: one catalogue a language, `en.toml` for English.

A catalogue is read once, when the first module that uses it is imported, so that a workflow reads no file.
Texts that belong to one page or one sentence only, without a code, stand where they are used.
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files


@cache
def _catalogue(language: str) -> Mapping[str, Mapping[str, Mapping[str, str]]]:
    return tomllib.loads((files(__name__) / f"{language}.toml").read_text(encoding="utf-8"))


def texts(subject: str, form: str, language: str = "en") -> dict[str, str]:
    """The texts of a subject by code, such as `texts("silence", "short")`; without the codes that lack the form."""
    return {code: forms[form] for code, forms in _catalogue(language)[subject].items() if form in forms}
