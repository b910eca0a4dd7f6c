"""The faults that `make mutants` plants fit the source as it is, and whether tests find one is reported truly."""

from collections import Counter
from dataclasses import replace

import pytest

from campaigns.mutants import DoesNotApply, mutants, mutated
from campaigns.planted import PLANTED, Mutant
from campaigns.report import Report
from campaigns.testbed import ROOT


@pytest.mark.parametrize("mutant", PLANTED, ids=lambda mutant: mutant.breaks)
def test_every_fault_can_be_planted_and_names_tests_that_are_there(mutant: Mutant) -> None:
    mutated(mutant)
    for test in mutant.tests:
        path, _, name = test.partition("::")
        assert f"def {name.partition('[')[0]}" in (ROOT / path).read_text(encoding="utf-8")


def test_there_are_forty_in_all_that_an_order_rests_on() -> None:
    assert len(PLANTED) >= 40
    assert len({mutant.breaks for mutant in PLANTED}) == len(PLANTED)
    areas = Counter(mutant.area for mutant in PLANTED)
    assert set(areas) == {"rules", "steps", "adopting", "paying", "delivering", "views", "access"}
    assert min(areas.values()) >= 3


def test_a_fault_whose_text_has_gone_says_so() -> None:
    gone = replace(PLANTED[0], before="a text that nobody wrote")
    with pytest.raises(DoesNotApply, match=r"money\.py has this text 0 times") as said:
        mutated(gone)
    assert "Write in campaigns/planted.py what stands there now" in str(said.value)


async def test_a_fault_is_found_or_survives_and_the_source_stays_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    found = replace(PLANTED[0], tests=("tests/rules/test_money.py",))
    survives = replace(found, breaks="nothing", after=f"{found.before}  # as ever")
    before = (ROOT / found.file).read_bytes()
    report = Report("mutants", seed=1, size=2)
    suite = ("tests/rules/test_money.py::test_half_a_unit_is_rounded_up", "tests/rules/test_durations.py")

    await mutants(report, planted=(found, survives), suite=suite, workers=0)

    assert [verdict.what for verdict in report.failed] == ["rules: nothing"]
    assert report.figures["found by"][f"rules: {found.breaks}"].startswith("tests/rules/test_money.py::")
    assert report.figures["found by"]["rules: nothing"] == ""
    assert "rules: nothing: SURVIVED" in capsys.readouterr().out
    assert (ROOT / found.file).read_bytes() == before
