"""Whatever a policy, scenario or record file holds: it is read, or refused in sentences, never by a traceback."""

import json
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaigns.malformed import broken, junk
from recourse.cli.output import Stop
from recourse.cli.records import show, verify_file
from recourse.policies import load_policy
from recourse.resolution.model.policy import PolicyError
from recourse.resolution.model.record import export
from recourse.starter.simulate.run import play
from tests.facts.lives import live

ROOT = Path(__file__).parents[2]
POLICIES = [*sorted(ROOT.glob("recourse/policies/*.toml")), *sorted(ROOT.glob("tests/policies/*.toml"))]
SCENARIOS = sorted(ROOT.glob("tests/scenarios/*.yaml"))
seeds = given(seed=st.integers(0, 2**32))
often = settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])


def spoiled_lines(random: Random, text: str) -> str:
    """A text with values replaced by others of no sense, or lines doubled, lost and moved."""
    lines = text.splitlines()
    for _ in range(random.randrange(1, 4)):
        at = random.randrange(len(lines))
        key, colon, _ = lines[at].partition(random.choice((":", "=")))
        match random.choice(("value", "value", "double", "lose", "indent")):
            case "value" if colon:
                value = junk(random)
                written = str(value) if random.random() < 0.5 else json.dumps(value)
                lines[at] = f"{key}{colon} {written}"
            case "double":
                lines.insert(at, lines[at])
            case "indent":
                lines[at] = random.choice(("  ", "\t", "- ")) + lines[at]
            case _:
                lines.pop(at)
                lines = lines or [""]
    return "\n".join(lines)


def spoiled(random: Random, text: str) -> bytes:
    if random.random() < 0.3:
        return broken(random, text.encode())
    return spoiled_lines(random, text).encode(errors="surrogatepass")


@often
@seeds
def test_a_policy_file(tmp_path: Path, seed: int) -> None:
    random, file = Random(seed), tmp_path / "policy.toml"
    file.write_bytes(spoiled(random, random.choice(POLICIES).read_text(encoding="utf-8")))
    with suppress(PolicyError):
        load_policy(file)


@often
@seeds
async def test_a_scenario_file(tmp_path: Path, seed: int) -> None:
    random, file = Random(seed), tmp_path / "s01.yaml"
    file.write_bytes(spoiled(random, random.choice(SCENARIOS).read_text(encoding="utf-8")))
    assert [result.outcome in ("ok", "FAILED", "not expressible") async for result in play([file], ["pure"])] == [True]


@often
@seeds
def test_a_record_file(tmp_path: Path, capsys: pytest.CaptureFixture[str], seed: int) -> None:
    random, file = Random(seed), tmp_path / "record.json"
    life = live(random, moves=4)
    document: Any = export(life.opening, life.entries, "client", at=life.order.decided_at)
    if random.random() < 0.5:
        _spoil(random, document)
    text = json.dumps(document).encode()
    file.write_bytes(broken(random, text) if random.random() < 0.5 else text)
    for command in (verify_file, show):
        with suppress(Stop):
            assert command(file) in (0, 1)


def _spoil(random: Random, document: Any) -> None:
    table = document
    while True:
        keys = list(table) if isinstance(table, dict) else list(range(len(table)))
        key = random.choice(keys)
        if not isinstance(table[key], dict | list) or not table[key] or random.random() < 0.2:
            break
        table = table[key]
    table[key] = junk(random)
