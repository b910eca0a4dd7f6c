"""One catalogue has the words for people: every code in every form that it needs, nothing unused, no second table."""

import ast
import re
from collections.abc import Collection, Iterator
from glob import glob
from pathlib import Path
from typing import get_args

import pytest

import recourse
from recourse import wording
from recourse.database.erasing import What
from recourse.resolution.model import vocabulary as v
from recourse.resolution.model.commands import COMMANDS
from recourse.resolution.model.notice import Consequence, NoticeAnswer, NoticeName
from recourse.resolution.model.payments import ChargebackStatus, LegStatus
from recourse.resolution.model.reasons import REASONS
from recourse.resolution.model.refusals import CODES
from recourse.resolution.rules.clocks import REMINDERS, ClockName
from recourse.resolution.shown.stuck_money import StuckStatus
from recourse.web.problems import PROBLEMS
from recourse.wording import texts

ROOT = Path(next(iter(recourse.__path__)))
SOURCES = [Path(path) for end in ("py", "html") for path in sorted(glob(f"{ROOT}/**/*.{end}", recursive=True))]  # noqa: PTH207 - follows links
CLOCKS, PEOPLE = get_args(ClockName), {name for name in COMMANDS if name != "request"}
DECIDING = set(CLOCKS) - REMINDERS - {"settlement_retry"}
# A chart shows the commands that change where an order is.
UNDRAWN = {
    "rule",
    "undo",
    "message",
    "add_evidence",
    "leave_feedback",
    "order_again",
    "retry_payment",
    "settle_by_hand",
    "payment_event",
}
UNDRAWN |= {"give_time", "away", "back", "open_case", "take_case", "release_case", "hold", "lift_hold"}
UNDRAWN |= {"note", "note_to_staff"}
NEEDED: dict[str, dict[str, Collection[str]]] = {
    "phase": {
        "name": get_args(v.Phase),
        **dict.fromkeys(("title", "yours", "theirs", "deadline"), v.OPEN_PHASES),
        "waiting": ("waiting_requirements", "delivered"),
    },
    "lateness": {"name": get_args(v.Lateness)},
    "request": {"asks": get_args(v.RequestKind)},
    "request_status": {"name": get_args(v.RequestStatus)},
    "silence": {"short": get_args(v.Silence), "long": get_args(v.Silence)},
    "fallback": {"long": set(get_args(v.FallbackEnd))},
    "deadline": {"then": set(get_args(Consequence)) - {*get_args(v.Silence), *get_args(v.Fallback), "let_them_decide"}},
    "how": {
        "short": get_args(v.How),
        "past": get_args(v.How),
        "future": get_args(v.How),
        "arrow": {"unilateral", "forced_late", "regretted"},
    },
    "stage": {"name": get_args(v.Stage), **dict.fromkeys(("operator", "party"), ("mediation", "ruling", "appeal"))},
    "outcome": dict.fromkeys(("choice", "done"), get_args(v.RulingOutcome)),
    "fault": {"whose": get_args(v.Fault)},
    "settlement": {"long": get_args(v.SettlementStatus)},
    "clock": {
        "future": CLOCKS,
        "past": CLOCKS,
        "arrow": DECIDING,
        "at_once": set(CLOCKS) - {"settlement", "settlement_retry"},
    },
    "command": {
        "past": (PEOPLE | {"imported"}) - {"payment_event"},
        "ask": {"propose", "rule", "retry_payment", "settle_by_hand"},
        "arrow": PEOPLE - UNDRAWN,
        "answer": get_args(NoticeAnswer),
    },
    "payment_event": {"past": {"returned", "chargeback_opened", "won", "lost"}},
    "leg": {"name": get_args(LegStatus), "own": {*get_args(LegStatus), "still"}},
    "stuck": {"short": get_args(StuckStatus)},
    "chargeback": dict.fromkeys(("long", "own"), get_args(ChargebackStatus)),
    "refusal": {"message": CODES, "page": CODES, "remedy": CODES},
    "problem": {"means": PROBLEMS, "remedy": PROBLEMS},
    "attestation": {"claim": {"discussed", "tried_to_resolve", "agreed_compensation"}},
    "visibility": dict.fromkeys(("choice", "word"), get_args(v.Visibility)),
    "rating": dict.fromkeys(("choice", "word"), get_args(v.Rating)),
    "score": {"name": {"completion_rate", "job_success"}},
    "flag": {"name": {"repeat_canceler"}},
    "due": {"choice": {"overdue", "day", "week"}},
    "notice": {"title": get_args(NoticeName)},
    "role": {
        "noun": get_args(v.Role),
        "name": {*get_args(v.Role), "both", "nobody"},
        **dict.fromkeys(("link", "session"), (*v.PARTIES, "operator")),
    },
    "payee": dict.fromkeys(
        ("to", "amount", "by_hand", "returned", "blocked", "retried", "left", "nothing_left"),
        (*v.PARTIES, "marketplace"),
    ),
    "reason": {"name": REASONS},
    "erased": {"what": get_args(What)},
    # tests/policies/test_diagram.py draws every box.
    "box": {"title": texts("box", "title")},
}
NAMES = {(subject, form) for subject, forms in NEEDED.items() for form in forms}


def test_every_code_has_every_form_that_it_needs_and_no_other() -> None:
    assert set(wording._ours()) == set(NEEDED)
    for subject, forms in NEEDED.items():
        assert {form for texts in wording._ours()[subject].values() for form in texts} == set(forms), subject
        for form, codes in forms.items():
            assert set(texts(subject, form)) == set(codes), f"{subject}.{form}"


def test_every_form_is_used() -> None:
    used = {call for path in SOURCES for call in re.findall(r'\btexts\("(\w+)", "(\w+)"\)', path.read_text("utf-8"))}
    assert used == NAMES


def test_a_refusal_on_a_page_is_a_sentence_without_names_of_fields() -> None:
    assert not [code for code, text in texts("refusal", "page").items() if "`" in text or not text.endswith(".")]


VOCABULARIES = [set(codes) for forms in NEEDED.values() for codes in forms.values() if len(codes) > 2]


def _tables(tree: ast.AST) -> Iterator[tuple[int, set[str]]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict) and len(node.keys) > 2:
            pairs = zip(node.keys, node.values, strict=True)
            known = {
                str(key.value)
                for key, value in pairs
                if isinstance(key, ast.Constant) and isinstance(value, ast.Constant) and " " in str(value.value)
            }
            yield node.lineno, known


@pytest.mark.parametrize("path", [path for path in SOURCES if path.suffix == ".py"], ids=lambda path: path.name)
def test_no_module_has_a_table_of_words_of_its_own(path: Path) -> None:
    for line, codes in _tables(ast.parse(path.read_text(encoding="utf-8"))):
        assert not any(len(codes & known) > 2 for known in VOCABULARIES), f"{path}:{line}: move it to recourse/wording"
