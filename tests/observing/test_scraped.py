"""What the programs show of themselves, and that it holds nothing that anybody wrote."""

import re

import pytest

from recourse.database.figures import FIGURES
from recourse.runtime.metrics import MEANINGS
from recourse.web import reported
from recourse.web.figures import ORPHANED, UP
from tests.observing.conftest import IDS, TEXTS, Seen


def test_every_number_of_ours_is_shown_and_none_without_a_meaning(seen: Seen) -> None:
    shown = set(re.findall(r"^# TYPE (recourse_\w+)", seen.all, re.MULTILINE))
    assert shown == {*MEANINGS, *(figure.name for figure in FIGURES), UP, ORPHANED, reported.NAME}


@pytest.mark.parametrize(
    "line",
    [
        'recourse_refusals_total{code="not_a_party"',
        'recourse_refusals_total{code="unknown_command"',
        'recourse_steps_total{command="unknown",outcome="refused"',
        'recourse_steps_total{command="request",outcome="applied"',
        'recourse_deliveries_total{channel="webhook",result="failed"',
        'recourse_deliveries_total{channel="webhook",result="delivered"',
        'recourse_payments_total{provider="bank",result="failed"',
    ],
)
def test_what_happened_has_been_counted(seen: Seen, line: str) -> None:
    assert re.search(re.escape(line) + r"[^}]*} [1-9]", seen.worker), line


def test_no_text_and_no_id_of_anybody_is_in_a_metric(seen: Seen) -> None:
    for marker in (*TEXTS, *IDS, "c-1", "f-1"):
        assert marker not in seen.all


def test_no_text_of_anybody_is_in_the_log(seen: Seen) -> None:
    for line in seen.log:
        assert not [marker for marker in TEXTS if marker in str(line)], line


def test_each_line_of_the_log_about_an_order_says_which_and_what_was_done(seen: Seen) -> None:
    about = [line for line in seen.log if line.get("activity_type") == "deliver_notices"]
    assert about, seen.log
    for line in about:
        assert line["workflow_id"] == f"order-{line['order_id']}"
        assert {"event", "level", "timestamp", "workflow_run_id", "attempt", "error"} <= set(line)
    assert {line["event"] for line in seen.log} >= {"working", "stopping", "stopped"}
