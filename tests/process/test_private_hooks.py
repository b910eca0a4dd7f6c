"""The private names of the Temporal SDK that Recourse uses: this table is the only list of them.

Any minor version of the SDK may rename them, so `pyproject.toml` bounds it from above. These tests fail at once where
a name is gone. Then look for a public way first; where there is none, follow the rename and change the table.
"""

import importlib
import re
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from types import CodeType
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.version import Version
from temporalio.bridge.worker import decode_activation, encode_completion
from temporalio.converter import DataConverter, WorkflowSerializationContext
from temporalio.worker import Worker
from temporalio.worker._workflow import _WorkflowWorker

from recourse import worker
from recourse.runtime.encryption import ForgivingDataConverter, for_callers, for_work
from tests.docs.pages import ROOT
from tests.secrets.conftest import RING


@dataclass(frozen=True)
class Hook:
    """A private name of the SDK, the function of the SDK that uses it, and why Recourse needs it."""

    name: str
    used_by: Callable[..., Any]
    why: str


REFUSED = "a payload that points to an external store would fail the workflow task; the order must refuse it instead"
HOOKS = (
    Hook("_workflow_worker", Worker._init_from_config, "it has the timeout below"),
    Hook(
        "_deadlock_timeout_seconds",
        _WorkflowWorker._handle_activation,
        "10,000 signals in one task take longer than the 2 seconds of the SDK, which has no option for them",
    ),
    Hook("_decode_reference_payload_sequence", decode_activation, REFUSED),
    Hook("_external_retrieve_payload_sequence", decode_activation, REFUSED),
    Hook("_external_store_payload_sequence", encode_completion, "without it each payload would be copied"),
    Hook("_encode_reference_payload_sequence", encode_completion, "without it each payload would be copied"),
)
# What is imported from private modules: the stories skip time with the first; a worker looks into what the SDK hands to
# a workflow, and refuses it, with the others.
IMPORTS = {
    "temporalio.testing._timeskipping": {"FastForwardConfig"},
    "temporalio.bridge.proto.workflow_activation": {"WorkflowActivation"},
    "temporalio.bridge.proto.workflow_completion": {"WorkflowActivationCompletion"},
}


def names_in(code: CodeType) -> set[str]:
    """The names of attributes and globals that a function uses, also in the functions inside of it."""
    inside = (names_in(const) for const in code.co_consts if isinstance(const, CodeType))
    return set(code.co_names).union(*inside)


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: hook.name)
def test_the_sdk_still_uses_the_private_name(hook: Hook) -> None:
    assert hook.name in names_in(hook.used_by.__code__), f"temporalio has no {hook.name} any more. Why: {hook.why}."


@pytest.mark.parametrize(("module", "name"), [(module, name) for module in IMPORTS for name in IMPORTS[module]])
def test_the_private_module_still_has_the_name(module: str, name: str) -> None:
    assert hasattr(importlib.import_module(module), name)


def sources() -> Iterator[str]:
    """The code outside of the tests. Ruff asks for `noqa: SLF001` at each private name of others there."""
    for path in ROOT.rglob("*.py"):
        if not {".venv", "build", "tests"} & set(path.relative_to(ROOT).parts):
            yield path.read_text(encoding="utf-8")


def test_the_table_has_every_private_name_that_the_code_uses() -> None:
    used = {
        name
        for text in sources()
        for line in re.findall(r".*noqa: SLF001", text)
        for name in re.findall(r"\.(_\w+)", line)
    }
    assert used | _overridden() == {hook.name for hook in HOOKS}


def _overridden() -> set[str]:
    """The private methods of the SDK that a loaded class of ours replaces."""
    # `worker` loads every class that a worker needs.
    loaded = [worker, *sys.modules.values()]
    ours = [module for module in loaded if str(getattr(module, "__file__", "")).startswith(str(ROOT))]
    classes = {
        each
        for module in ours
        if ".venv" not in str(module.__file__)
        for each in vars(module).values()
        if isinstance(each, type) and not each.__module__.startswith("temporalio")
    }
    return {
        name
        for each in classes
        for base in each.__mro__
        if base.__module__.startswith("temporalio")
        for name in vars(each).keys() & vars(base).keys()
        if re.match(r"_[a-z]", name) and callable(vars(base)[name])
    }


def test_the_table_has_every_private_module_that_the_code_imports() -> None:
    text = "\n".join(sources())
    imported = re.findall(r"from (temporalio\.(?:bridge\b[\w.]*|[\w.]*\._\w+)) import (\w+)", text)
    assert {module: {name} for module, name in imported} == IMPORTS


def test_a_converter_for_one_order_has_all_that_the_sdks_own_would_have() -> None:
    converter, context = for_work(for_callers(RING)), WorkflowSerializationContext("default", "order-1")

    ours, theirs = converter.with_context(context), DataConverter.with_context(converter, context)

    assert type(ours) is type(theirs) is ForgivingDataConverter
    assert {name: type(value) for name, value in vars(ours).items()} == {
        name: type(value) for name, value in vars(theirs).items()
    }


def test_the_next_minor_version_of_the_sdk_is_not_installed_by_itself() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    [wanted] = [
        each for each in map(Requirement, project["optional-dependencies"]["temporal"]) if each.name == "temporalio"
    ]
    installed = Version(metadata.version("temporalio"))

    assert installed in wanted.specifier
    assert Version(f"{installed.major}.{installed.minor + 1}") not in wanted.specifier
