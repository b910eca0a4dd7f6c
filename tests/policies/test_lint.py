"""What the lint finds in a file, all at once, and where."""

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recourse import policies
from recourse.policies import PRESETS, load_policy
from recourse.policies.files import Layer, PolicyFile, read_file
from recourse.policies.findings import Finding
from recourse.policies.keys import KEYS, Key, undotted
from recourse.policies.linting import lint
from recourse.resolution.model.policy import PolicyError
from tests.policies.test_key_checks import ERRORS, WARNINGS
from tests.policies.test_state_graph import FOUND

HERE = Path(__file__).parent
MISSING_SILENCES = """
name = "shop"
[requests.cancel]
reminder = "never"
"""


def found(path: Path | str) -> list[Finding]:
    return lint(read_file(path))[1]


def places(findings: list[Finding], severity: str = "error") -> set[tuple[int | None, str, str]]:
    return {(finding.line, finding.key, finding.rule) for finding in findings if finding.severity == severity}


def of(tmp_path: Path, text: str) -> list[Finding]:
    path = tmp_path / "shop.toml"
    path.write_text(text)
    return found(path)


def test_all_planted_mistakes_of_one_file_are_found_at_once_each_with_its_line_and_key() -> None:
    path = HERE / "planted.toml"
    findings = found(path)
    assert {finding.file for finding in findings} == {str(path)}
    assert places(findings) == {
        (5, "ordr", "unknown-key"),
        (9, "order.late_grace", "wrong-value"),
        (10, "order.auto_complete", "timer-over-at-once"),
        (11, "order.max_revisons", "unknown-key"),
        (12, "order.regret_window", "regret-of-nobody"),
        (17, "requests.cancel.phases", "nobody-may-cancel"),
        (18, "requests.cancel.reminder", "reminder-too-late"),
        (19, "requests.cancel.silence.client_asked", "wrong-value"),
        (20, "requests.cancel.silence_in.delivrd", "unknown-key"),
        (21, "requests.cancel.max_requests", "wrong-value"),
        (22, "requests.cancel.pay_named_part_at_once", "no-part-is-named"),
        (23, "requests.cancel.no_agreement", "wrong-value"),
        (24, "requests.cancel.attestations", "wrong-value"),
        (25, "requests.cancel.without_approval.freelancer", "wrong-value"),
        (28, "requests.extension.reminder", "reminder-too-late"),
        (31, "undo.window", "undo-by-nobody"),
        (34, "cases.proposal_window", "proposal-outlasts-case"),
        (35, "cases.reminders", "reminder-too-late"),
        (38, "money.commission", "wrong-value"),
        (42, "reasons.too_slow.fault", "reason-blames-the-other"),
        (13, "order.dormant_after", "one-partys-exits"),
    }


def test_findings_come_in_the_order_of_their_lines() -> None:
    lines = [finding.line for finding in found(HERE / "planted.toml")]
    assert lines == sorted(lines, key=lambda line: line or 0)


def test_a_wrong_name_is_answered_with_the_one_that_was_meant() -> None:
    reasons = {finding.key: finding.reason for finding in found(HERE / "planted.toml")}
    assert reasons["ordr"] == "unknown key; did you mean `order`?"
    assert reasons["order.max_revisons"] == "unknown key; did you mean `max_revisions`?"
    assert reasons["requests.cancel.silence_in.delivrd"] == "unknown phase; did you mean `delivered`?"
    assert reasons["requests.cancel.silence.client_asked"].endswith("did you mean 'accept'?")


def test_a_wrong_value_is_answered_with_how_to_write_it() -> None:
    reasons = {finding.key: finding.reason for finding in found(HERE / "planted.toml")}
    assert "write a number and a unit, such as '30m'" in reasons["order.late_grace"]
    assert reasons["requests.cancel.max_requests"] == "must be a whole number, 0 or more, without quotes, not '3'"
    assert reasons["requests.cancel.no_agreement"] == "must be true or false, without quotes, not 'yes'"
    assert "must be a list in square brackets" in reasons["requests.cancel.attestations"]
    assert reasons["requests.cancel.without_approval.freelancer"].startswith(
        "item 1 of the list: 'regret' is not known"
    )


def test_a_window_without_a_silence_rule_is_an_error_for_each_side(tmp_path: Path) -> None:
    both = of(tmp_path, MISSING_SILENCES)
    assert places(both) == {(3, "requests.cancel.silence.client_asked", "missing-silence")}
    assert "when the party asked does not answer in time" in both[0].reason
    one = of(tmp_path, MISSING_SILENCES + 'silence.client_asked = "lapse"\n')
    assert places(one) == {(5, "requests.cancel.silence.freelancer_asked", "missing-silence")}


def test_a_file_with_nothing_in_it_lacks_a_name_and_silence_rules(tmp_path: Path) -> None:
    assert places(of(tmp_path, "")) == {
        (1, "name", "missing-key"),
        (1, "requests.cancel.silence.client_asked", "missing-silence"),
    }


def test_a_finding_is_placed_where_the_file_itself_can_mend_it(tmp_path: Path) -> None:
    findings = of(
        tmp_path, 'extends = "resolution_center"\nname = "shop"\n[requests.update]\nwindow.freelancer_asked = "3h"\n'
    )
    assert places(findings) == {(4, "requests.update.window.freelancer_asked", "reminder-too-late")}
    assert "requests.update.reminder" in findings[0].reason


def test_a_mistake_in_a_file_that_is_extended_is_placed_in_that_file(tmp_path: Path) -> None:
    (tmp_path / "base.toml").write_text('extends = "glimmer"\nname = "base"\n\n[undo]\nby = []\n')
    path = tmp_path / "shop.toml"
    path.write_text('extends = "base.toml"\nname = "shop"\n')
    (finding,) = [finding for finding in found(path) if finding.severity == "error"]
    assert (finding.file, finding.line, finding.key) == (str(tmp_path / "base.toml"), 5, "undo.by")


@pytest.mark.parametrize(
    ("extends", "rule", "said"),
    [
        ('"nowhere.toml"', "unreadable", "nowhere.toml: no such preset and no readable file"),
        ('"glimer"', "unreadable", "did you mean the preset glimmer?"),
        ("3", "wrong-value", "as a text"),
        ('"shop.toml"', "circle", "no file can extend itself"),
    ],
)
def test_an_extends_that_leads_nowhere_is_an_error_at_its_line(
    tmp_path: Path, extends: str, rule: str, said: str
) -> None:
    findings = of(tmp_path, f'name = "shop"\nextends = {extends}\n[order]\nlate_grase = "1h"\n')
    assert places(findings) == {(2, "extends", rule), (4, "order.late_grase", "unknown-key")}
    assert said in findings[0].reason


def test_presets_have_no_errors_and_only_the_warnings_that_the_contract_names() -> None:
    warned = {name: {finding.rule for finding in found(name)} for name in PRESETS}
    assert warned == {
        "resolution_center": set(),
        "glimmer": set(),
        "fiverr_guide": {"silence-taken-back"},
        "upwork": {"silence-unearned", "silence-taken-back"},
        "fair": set(),
    }
    assert not [finding for name in PRESETS for finding in found(name) if finding.severity == "error"]


def test_loading_refuses_what_the_lint_calls_an_error_with_all_of_it_in_the_message() -> None:
    path = HERE / "planted.toml"
    errors = [str(finding) for finding in found(path) if finding.severity == "error"]
    with pytest.raises(PolicyError) as refused:
        load_policy(path)
    assert str(refused.value).splitlines() == errors


def test_loading_allows_what_is_only_a_warning() -> None:
    assert load_policy("upwork", {"order.auto_complete": "never"}).order.auto_complete is None


def test_a_changed_key_is_linted_like_a_written_one() -> None:
    with pytest.raises(PolicyError, match=r"^glimmer: error: requests\.cancel\.by: item 1 of the list: 'customer'"):
        load_policy("glimmer", {"requests.cancel.by": ["customer"]})
    with pytest.raises(PolicyError, match=r"glimmer: error: undo\.by: there is time to undo, but nobody may"):
        load_policy("glimmer", {"undo.by": []})


def test_every_rule_of_the_lint_has_a_test_that_it_is_found() -> None:
    sources = Path(policies.__file__).parent.glob("*.py")
    known = {rule for path in sources for rule in re.findall(r'(?:error|warning)\(\s*"([a-z-]+)"', path.read_text())}
    known |= {f"silence-{what}" for what in ("unearned", "taken-back")}
    tested = {case[2] for case in (*ERRORS, *WARNINGS, *FOUND)}
    assert known - tested == {"borrowed-name", "settlements", "rules-fail"}, "those three have tests of their own"


def test_a_policy_that_borrows_the_name_of_another_is_warned_of(tmp_path: Path) -> None:
    assert places(of(tmp_path, 'extends = "upwork"\n'), "warning") >= {(1, "extends", "borrowed-name")}
    assert "borrowed-name" not in {finding.rule for finding in of(tmp_path, 'extends = "upwork"\nname = "mine"\n')}


def test_what_has_no_effect_is_told_only_where_the_file_itself_writes_it(tmp_path: Path) -> None:
    text = 'extends = "upwork"\nname = "mine"\n[cases]\nescalate_by = []\n'
    assert "no-effect" not in {finding.rule for finding in of(tmp_path, text)}
    written = of(tmp_path, text + "dialogue_required = true\n")
    assert places(written, "warning") >= {(5, "cases.dialogue_required", "no-effect")}


_scraps = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-3, 3),
        st.floats(),
        st.text(max_size=3),
        st.sampled_from(["client", "48h"]),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(st.text(max_size=3), inner, max_size=2)),
    max_leaves=4,
)
_prefixes = sorted({key[:length] for key in KEYS for length in range(1, len(key) + 1)})


@settings(max_examples=60)
@given(st.lists(st.tuples(st.sampled_from(_prefixes), _scraps), min_size=1, max_size=4))
def test_no_values_whatever_make_the_lint_itself_fail(changes: list[tuple[Key, Any]]) -> None:
    document: dict[str, Any] = {}
    for key, value in changes:
        table = document
        for part in key[:-1]:
            inner = table.get(part)
            table[part] = inner if isinstance(inner, dict) else {}
            table = table[part]
        table[key[-1]] = value
    layers = (Layer("scraps", document, None), *read_file("resolution_center").layers)
    _, findings = lint(PolicyFile("scraps", layers))
    for finding in findings:
        assert finding.reason
        assert not finding.key or undotted(finding.key)
