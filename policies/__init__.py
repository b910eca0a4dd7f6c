"""The preset policies, and reading a marketplace's own policy files."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from policies.calculators import register_installed_calculators
from resolution.policy import Policy, PolicyError, merge, read_policy, with_changes
from resolution.scores import check_calculator

PRESETS = ("resolution_center", "glimmer", "fiverr_guide", "upwork")


def load_policy(name_or_path: str | Path, changes: Mapping[str, Any] | None = None) -> Policy:
    """A preset by its name, or a policy file by its path, with single keys changed by dotted names.

    Raises PolicyError where the file cannot be read or a key of it cannot be used.
    """
    register_installed_calculators()
    document = _document(str(name_or_path), Path.cwd(), ())
    policy = read_policy(with_changes(document, changes or {}), str(name_or_path))
    check_calculator(policy, str(name_or_path))
    return policy


def _document(name: str, folder: Path, seen: tuple[str, ...]) -> dict[str, Any]:
    if name in seen:
        raise PolicyError(f"{name}: extends: the files extend each other in a circle: {' -> '.join((*seen, name))}")
    if name in PRESETS:
        document = tomllib.loads(_preset(name))
    else:
        path = (folder / name).resolve()
        folder = path.parent
        try:
            document = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise PolicyError(
                f"{name}: no such preset and no readable file ({error.strerror}); presets are {', '.join(PRESETS)}"
            ) from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise PolicyError(f"{name}: not a TOML file: {error}") from error
    base = document.pop("extends", None)
    if base is None:
        return document
    if not isinstance(base, str):
        raise PolicyError(f"{name}: extends: give the name of a preset or the path of a file")
    return merge(_document(base, folder, (*seen, name)), document)


@cache
def _preset(name: str) -> str:
    return (files(__package__) / f"{name}.toml").read_text(encoding="utf-8")
