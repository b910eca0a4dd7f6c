"""The preset policies, and everything about policy files: reading, linting, drawing, explaining and comparing them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recourse.policies.calculators import register_installed_calculators
from recourse.policies.files import PRESETS, read_file
from recourse.policies.linting import lint
from recourse.policies.values import read_values
from recourse.resolution.model.policy import Policy, PolicyError

__all__ = ["PRESETS", "load_policy"]


def load_policy(name_or_path: str | Path, changes: Mapping[str, Any] | None = None) -> Policy:
    """A preset by its name, or a policy file by its path, with single keys changed by dotted names.

    Raises PolicyError, one line per finding, where the file cannot be read or a lint finds an error in it.
    """
    register_installed_calculators()
    file = read_file(name_or_path)
    if not changes and str(name_or_path) in PRESETS:
        # They are linted before they ship, and are used the most.
        return read_values(file.document)[0]
    policy, findings = lint(file.with_changes(changes) if changes else file)
    errors = [str(finding) for finding in findings if finding.severity == "error"]
    if errors:
        raise PolicyError("\n".join(errors))
    return policy
