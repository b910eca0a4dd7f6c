"""docs/security.md says what is so."""

import base64
import hashlib
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jwt
import rfc8785

from recourse.cli.codec import CodecSettings
from recourse.runtime.actors import Actors
from recourse.runtime.encryption import ENCRYPTED, KEY_ID, WORKFLOW_ID
from recourse.runtime.settings import Settings
from recourse.starter.actors import actor_token
from tests.secrets.conftest import NEW, ONLY_NEW, RING

PAGE = (Path(__file__).parent.parent.parent / "docs" / "security.md").read_text()

VARIABLE = re.compile(r"\bRECOURSE_[A-Z_]+")


def test_the_variables_that_it_names_are_read() -> None:
    fields = [field for one in (Settings, CodecSettings) for field in one.model_fields.values()]
    read = {name for field in fields for name in VARIABLE.findall(str(field.validation_alias))}
    named = set(VARIABLE.findall(PAGE))

    assert named <= read
    assert {name for name in read if "_CODEC_" in name or name.endswith("_KEYS")} <= named


def test_the_token_of_its_example_proves_the_command_of_its_example() -> None:
    [example] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    now = datetime.now(UTC)
    modules = {"base64": base64, "hashlib": hashlib, "jwt": jwt, "rfc8785": rfc8785}
    names: dict[str, Any] = {**modules, "key": NEW, "key_id": "new"}
    exec(example, names)

    judge = Actors(RING).judge
    assert judge("request", names["command"], "order-17", now) is None
    assert judge("request", names["command"], "order-18", now) == "not_this"
    assert judge("accept", names["command"], "order-17", now) == "not_this"
    ours = {**names["message"], "actor_token": actor_token(ONLY_NEW, "17", "request", names["message"])}
    assert judge("request", ours, "order-17", now) is None


def test_the_format_that_other_languages_write_is_ours() -> None:
    for name in (ENCRYPTED.decode(), KEY_ID, WORKFLOW_ID, "recourse-payload-1"):
        assert f"`{name}`" in PAGE


def test_each_line_about_an_attacker_names_tests_that_are_there() -> None:
    rows = [line.split("|")[1:-1] for line in PAGE.splitlines() if line.startswith("|") and ".py" in line]
    said = [name for row in rows for name in re.findall(r"`([a-z_/]+\.py(?:::\w+)?)`", row[-1])]
    promises = PAGE[PAGE.index("## Attackers") :].split("\n\n")[1].splitlines()[2:]

    assert said
    for name in said:
        file, _, test = name.partition("::")
        text = (Path(__file__).parent.parent / file).read_text()
        assert not test or f"def {test}(" in text, name
    for cannot, tests in ([part.strip() for part in row.split("|")[3:5]] for row in promises):
        assert bool(cannot) == bool(tests), cannot
