"""The documentation's generated parts are current, and what it promises of variables and licences is so."""

import re
from pathlib import Path

import pytest
from temporalio.envconfig import ClientConfigProfile

from deploy import documents
from dev.audit import NONE, SOME, UNKNOWN, verdict

HINT = "run `make docs`"


def test_the_table_of_variables_is_current() -> None:
    page = documents.PRODUCTION.read_text(encoding="utf-8")
    for settings, _ in documents.SETTINGS:
        assert documents.variables_table(settings) in page, HINT


def test_the_table_of_stripes_errors_is_current() -> None:
    assert documents.stripe_errors_table() in documents.PAYMENTS.read_text(encoding="utf-8"), HINT


def test_every_variable_has_a_meaning() -> None:
    fields = {name: one for settings, _ in documents.SETTINGS for name, one in documents.variables(settings).items()}
    assert [name for name, field in fields.items() if not (field.description or "").endswith(".")] == []


def test_the_page_of_licences_is_current() -> None:
    assert documents.LICENCES.read_text(encoding="utf-8") == documents.licences_page(), HINT


def test_no_licence_obliges_whoever_runs_this_to_publish() -> None:
    for wanted in documents.runtime():
        licence = documents.licence_of(wanted.name)
        assert licence != "not stated", wanted.name
        assert not re.search(r"GPL|GNU|Affero|SSPL|BUSL|Proprietary", licence), (wanted.name, licence)


def test_temporals_own_variables_are_those_that_the_page_names(tmp_path: Path) -> None:
    page = documents.PRODUCTION.read_text(encoding="utf-8")
    named = set(re.findall(r"`(TEMPORAL_[A-Z_]+)`", page))
    assert len(named) >= 8
    value = tmp_path / "any"
    value.write_text("any")
    for name in named:
        read = ClientConfigProfile.load(
            disable_file=True, override_env_vars={name: "true" if name == "TEMPORAL_TLS" else str(value)}
        )
        assert read != ClientConfigProfile(), name


@pytest.mark.parametrize("page", ["production.md", "licences.md"])
def test_every_file_that_a_page_names_is_there(root: Path, page: str) -> None:
    text = (root / "docs" / page).read_text(encoding="utf-8")
    for named in re.findall(r"`((?:deploy|requirements|local)/[\w./-]*)`", text):
        assert (root / named).exists(), named


def test_an_audit_that_asked_about_nothing_does_not_call_it_clean() -> None:
    asked = {"name": "asked", "version": "1", "vulns": []}
    unasked = {"name": "unasked", "skip_reason": "not found"}
    bad = {"name": "bad", "version": "2", "vulns": [{"id": "CVE-1", "fix_versions": ["3"]}]}
    assert verdict({"dependencies": [asked]})[0] == NONE
    status, said = verdict({"dependencies": [asked, unasked]})
    assert status == UNKNOWN
    assert said == [
        "Audit: could not reach its database for 1 of 2 packages, so what is known of them cannot be said: unasked."
    ]
    status, said = verdict({"dependencies": [asked, unasked, bad]})
    assert status == SOME
    assert said[0] == "bad 2: CVE-1, fixed in 3"
    assert "unasked" in said[1]
