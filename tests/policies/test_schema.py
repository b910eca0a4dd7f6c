"""The JSON Schema of a policy file, asked through a validator that editors and builds use."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from recourse.policies import PRESETS, load_policy
from recourse.policies.files import read_file
from recourse.policies.json_schema import policy_schema
from recourse.policies.writing import write_policy
from tests.policies.other_values import RICH

PRESET_FILES = Path(__file__).parent.parent.parent / "recourse" / "policies"


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("schema") / "policy.schema.json"
    path.write_text(json.dumps(policy_schema()))
    return path


def check(schema: Path, *files: Path | str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "check_jsonschema", "--schemafile", str(schema), *map(str, files)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_presets_and_whole_policies_fit_the_schema(schema: Path, tmp_path: Path) -> None:
    whole = []
    for name in PRESETS:
        path = tmp_path / f"{name}-whole.toml"
        path.write_text(write_policy(read_file(name), load_policy(name), defaults=True))
        whole.append(path)
    outcome = check(schema, *(PRESET_FILES / f"{name}.toml" for name in PRESETS), RICH, *whole)
    assert outcome.returncode == 0, outcome.stdout


def test_mistakes_are_refused_and_a_file_that_extends_may_leave_things_out(schema: Path, tmp_path: Path) -> None:
    files = {
        "short": 'name = "a"\nextends = "glimmer"\n',
        "silent": 'name = "a"\n[requests.cancel]\nreminder = "1h"\n',
        "unknown": 'name = "a"\nextends = "glimmer"\n[order]\nlate_grase = "1h"\n',
        "duration": 'name = "a"\nextends = "glimmer"\n[order]\nlate_grace = "soon"\n',
        "never": 'name = "a"\nextends = "glimmer"\n[order]\nlate_grace = "never"\n',
        "window": 'name = "a"\nextends = "glimmer"\n[undo]\nwindow = "never"\n',
        "percentage": 'name = "a"\nextends = "glimmer"\n[money]\ncommission = "12,5%"\n',
        "role": 'name = "a"\nextends = "glimmer"\n[undo]\nby = ["operator"]\n',
    }
    for name, text in files.items():
        (tmp_path / f"{name}.toml").write_text(text)
    outcome = check(schema, *sorted(tmp_path.glob("*.toml")))
    assert {name for name in files if f"{name}.toml::" in outcome.stdout} == set(files) - {"short", "never"}


def test_defaults_are_written_as_a_file_writes_them() -> None:
    text = json.dumps(policy_schema())
    assert '"default": "P' not in text
    assert policy_schema()["$defs"]["CancelRequests"]["properties"]["reminder"]["default"] == "24h"
