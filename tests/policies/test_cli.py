"""`recourse policy` as people and programs use it: what it prints, and how it ends."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from recourse.cli import main
from recourse.policies import PRESETS, load_policy
from recourse.resolution.model.policy import Policy

PLANTED = Path(__file__).parent / "planted.toml"
Run = Callable[..., tuple[int, str, str]]
# The arguments come from where a shell puts them, which cyclopts thinks is a slip in a test.
pytestmark = pytest.mark.filterwarnings("ignore:Cyclopts application invoked without tokens")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run `recourse policy …`; gives its exit status, what it printed, and what it complained of."""

    def recourse(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["recourse", "policy", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return int(str(ended.value.code)), said.out, said.err

    return recourse


def test_presets_are_listed_with_what_they_are(run: Run) -> None:
    status, out, _ = run("list")
    assert status == 0
    assert [line.split()[0] for line in out.splitlines()] == ["policy", *PRESETS]
    assert 'Glimmer, "Canceling a project" [R1-R18]: only the client starts it' in out
    assert [preset["name"] for preset in json.loads(run("list", "--json")[1])] == list(PRESETS)


def test_a_policy_without_errors_ends_in_0_also_with_warnings(run: Run) -> None:
    status, out, err = run("lint", "upwork", "glimmer")
    assert (status, err) == (0, "")
    assert "upwork:14: warning: requests.cancel.silence.client_asked: if the client stays silent" in out
    assert out.splitlines()[-1] == "2 policies: 0 errors, 2 warnings"


def test_errors_end_in_1_each_on_a_line_of_its_own(run: Run) -> None:
    status, out, _ = run("lint", "glimmer", PLANTED)
    assert status == 1
    assert f"{PLANTED}:5: error: ordr: unknown key; did you mean `order`?" in out.splitlines()
    assert out.splitlines()[-1].startswith("2 policies: 22 errors, ")


def test_findings_for_programs_have_all_parts(run: Run) -> None:
    status, out, _ = run("lint", PLANTED, "--json")
    answer = json.loads(out)
    assert (status, answer["errors"]) == (1, 22)
    assert {
        "severity": "error",
        "rule": "unknown-key",
        "file": str(PLANTED),
        "line": 5,
        "key": "ordr",
        "reason": "unknown key; did you mean `order`?",
    } in answer["findings"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "missing.toml: error: "),
        (b"name = \n", "missing.toml:1: error: this is not TOML: Invalid value"),
        (b'a = 1\nname = "x"\nname = "y"\n', "missing.toml:3: error: this is not TOML: Cannot overwrite a value"),
        (b'name = "', "missing.toml:1: error: this is not TOML"),
        ('name = "ü"'.encode("latin-1"), "missing.toml: error: this is not UTF-8 text: save the file as UTF-8"),
    ],
)
def test_a_file_that_cannot_be_read_ends_in_2_and_the_others_are_linted_all_the_same(
    run: Run, tmp_path: Path, content: bytes | None, said: str
) -> None:
    path = tmp_path / "missing.toml"
    if content is not None:
        path.write_bytes(content)
    status, out, _ = run("lint", path, PLANTED)
    assert status == 2
    assert said in out
    assert ":5: error: ordr: unknown key" in out


def test_a_file_from_an_editor_that_marks_its_encoding_is_read(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "marked.toml"
    path.write_bytes(b'\xef\xbb\xbfname = "marked"\r\nextends = "glimmer"\r\n')
    assert run("lint", path)[0] == 0


def test_naming_no_file_is_answered_with_an_example(run: Run) -> None:
    status, _, err = run("lint")
    assert status == 2
    assert "recourse policy lint my_shop.toml" in err


@pytest.mark.parametrize("command", [("show",), ("explain",), ("diagram",), ("diff", "glimmer")])
def test_a_policy_that_cannot_be_used_is_refused_with_every_error(run: Run, command: tuple[str, ...]) -> None:
    status, out, err = run(*command, PLANTED)
    assert (status, out) == (2, "")
    assert err.startswith("recourse: this policy cannot be used:\n")
    assert len(err.splitlines()) == 1 + 22


def test_a_name_that_is_nearly_a_preset_is_answered_with_it(run: Run) -> None:
    status, _, err = run("show", "glimer")
    assert status == 2
    assert "did you mean the preset glimmer?" in err


def test_the_effective_policy_for_programs(run: Run) -> None:
    shown = json.loads(run("show", "glimmer", "--json")[1])
    assert shown["undo.window"] == {"value": "24h", "from": "glimmer:23"}
    assert "order.auto_complete" not in shown
    whole = json.loads(run("show", "glimmer", "--defaults", "--json")[1])
    assert whole["order.auto_complete"] == {"value": "3d", "from": "default"}


def test_a_diagram_in_each_format(run: Run) -> None:
    assert run("diagram", "upwork")[1].startswith(
        "---\ntitle: An order under the policy upwork\n---\nstateDiagram-v2\n"
    )
    assert run("diagram", "upwork", "--format", "svg")[1].startswith("<svg xmlns=")
    drawn: Any = json.loads(run("diagram", "upwork", "--json")[1])
    assert {"from": "cancel_freelancer", "to": "canceled", "label": "7d of silence"} in drawn["arrows"]
    assert run("diagram", "upwork", "--format", "png")[0] == 2


def test_a_policy_explained(run: Run) -> None:
    silence = "If the client does not answer a cancel request in time, an operator decides the request."
    out = run("explain", "glimmer")[1]
    assert f"What silence means\n- {silence}\n" in out
    groups = json.loads(run("explain", "glimmer", "--json")[1])
    said = next(group["sentences"] for group in groups if group["title"] == "What silence means")
    assert said["requests.cancel.silence.client_asked"] == silence


def test_two_policies_compared(run: Run) -> None:
    status, out, _ = run("diff", "resolution_center", "fiverr_guide")
    assert status == 0
    assert "requests.cancel.on_decline\n  Before: When a cancel request is declined, the order goes on.\n" in out
    answer = json.loads(run("diff", "resolution_center", "fiverr_guide", "--json")[1])
    assert [change["key"] for change in answer["changes"]][:2] == ["name", "requests.cancel.on_decline"]
    assert "While the order is open: either party goes to an operator → Case: an operator mediates" in answer["gone"]


def test_the_schema_is_json(run: Run) -> None:
    assert json.loads(run("schema")[1])["title"] == "A policy of Recourse"


@pytest.mark.parametrize("name", [*PRESETS, Path(__file__).parent / "rich.toml"])
def test_as_a_payload_a_policy_is_what_an_order_starts_with(run: Run, name: str | Path) -> None:
    status, out, _ = run("payload", name)
    assert status == 0
    assert Policy.model_validate_json(out) == load_policy(name)
    assert "[]" not in out  # which Temporal's HTTP API would make null of
    assert json.loads(out)["order"]["reachable_after"] == "14d"  # defaults of a later version cannot change it


def test_an_empty_list_that_means_something_stays_in_a_payload(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "shop.toml"
    file.write_text('extends = "resolution_center"\nname = "shop"\ncases.reminders = []\n')
    assert json.loads(run("payload", file)[1])["cases"]["reminders"] == []
