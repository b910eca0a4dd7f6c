"""What a lint finds: a remark about keys, and the finding that says in which file and on which line."""

from dataclasses import dataclass
from typing import Literal

from recourse.policies.keys import Key, undotted

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Remark:
    """Something wrong with a policy, not yet placed in a file.

    `keys` are those it is about, the most telling first. `rule` is a stable name for programs. `if_written`: only
    worth saying where the file itself writes the first key.
    """

    severity: Severity
    rule: str
    keys: tuple[Key, ...]
    reason: str
    if_written: bool = False


@dataclass(frozen=True)
class Finding:
    """A remark with its place. `line` counts from 1; None where the value is in no file (a single changed key)."""

    severity: Severity
    rule: str
    file: str
    line: int | None
    key: str
    reason: str

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        about = f"{self.key}: " if self.key else ""
        return f"{place}: {self.severity}: {about}{self.reason}"


def error(rule: str, reason: str, *names: str) -> Remark:
    """An error about the keys of these dotted names."""
    return Remark("error", rule, tuple(undotted(name) for name in names), reason)


def warning(rule: str, reason: str, *names: str, if_written: bool = False) -> Remark:
    """A warning about the keys of these dotted names."""
    return Remark("warning", rule, tuple(undotted(name) for name in names), reason, if_written)
