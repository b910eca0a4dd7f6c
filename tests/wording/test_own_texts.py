"""A marketplace's own texts take the place of ours, one by one; a file that cannot be used is named."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from recourse.wording import BadWording, _ours, flat, own_texts

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "wording" / "words.toml"
OURS = flat(_ours())


def test_the_texts_of_the_file_are_said_and_all_others_stay() -> None:
    own = own_texts(EXAMPLE)["en"]
    assert own["notice.order_delivered.title"] == "The seller has delivered."
    assert OURS["notice.order_delivered.title"] == "The freelancer has delivered the order."
    assert set(own) < set(OURS)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            'refusal.expird.page = "Too late."',
            "no text refusal.expird.page; did you mean refusal.expired.page?",
        ),
        ('refusal.expired = "Too late."', "there is no text refusal.expired"),
        ('refusal.expired.page = " "', "refusal.expired.page must be a text that is not blank"),
        ("refusal.expired.page = 1", "refusal.expired.page must be a text that is not blank"),
        ('how.unilateral.past = "It is over."', "how.unilateral.past must hold {initiator}, as ours does"),
        ('refusal.expired.page = "{name}"', "refusal.expired.page must hold no names in braces"),
        ('how.unilateral.past = "{initiator"', "how.unilateral.past must hold {initiator}"),
        ("refusal.expired.page =", "cannot be read"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_the_text(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "words.toml"
    path.write_text(text)
    with pytest.raises(BadWording) as wrong:
        own_texts(path)
    assert str(wrong.value).startswith(f"RECOURSE_WORDING: {path}")
    assert says in str(wrong.value)


def run(path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "recourse"), *words]
    environment = {**os.environ, "RECOURSE_WORDING": str(path)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_the_setting_names_the_file_and_the_command_line_says_what_is_wrong_with_it(tmp_path: Path) -> None:
    story = EXAMPLE.parents[2] / "tests" / "scenarios" / "s03a-silence-on-clients-request.yaml"
    assert "You are too late to answer." in run(EXAMPLE, "simulate", str(story), "--show").stdout
    failed = run(tmp_path / "none.toml", "simulate", str(story))
    assert failed.returncode == 2
    assert "RECOURSE_WORDING" in failed.stderr
    assert "Traceback" not in failed.stderr
