"""The TypeScript client cannot drift from the API, and carries an order past a server that fails."""

import json
import re
import shutil
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from dev.typescript_client import COMMANDS_FILE, TYPES_FILE, camel, description, methods, write_types
from recourse.resolution.model.commands import COMMANDS
from recourse.resolution.shown.groups import GROUP_COMMANDS
from recourse.runtime.actors import Actors
from tests.examples.conftest import run
from tests.http.conftest import token
from tests.secrets.conftest import NEW, RING
from tests.typescript.conftest import CLIENT, ROOT, Between, installed

# Calls that no backend of a marketplace makes: what a payment provider and a load balancer call.
NOT_OFFERED = {("post", "/payments/{provider}/events"), ("get", "/healthz"), ("get", "/readyz")}
SAID = {
    "preview": "mutual",
    "request": "in_progress, repeated",
    "given": "time_not_offered: This policy does not offer to give the other side more time.",
    "again": "time_not_offered: This policy does not offer to give the other side more time.",
    "refused": "not_yours_to_answer: The other side must answer this.",
    "turn": "freelancer",
    "actions": ["accept", "decline", "deliver"],
    "group": ["in_progress"],
    "parts": ["USD"],
    "accept": "canceled",
    "money": {"client": 10550, "freelancer": 0, "platform": 0, "contested": 0, "held": 0},
    "told": ["order_canceled"],
    "entries": 6,
    "steps": ["opened", "request", "give_time", "accept", "message", "message", "accept"],
    "aborted": "Error: enough",
    "page": 200,
    "unread": "malformed: The message is not valid; see `problems`.",
    "late": "canceled, repeated",
    "forged": True,
}
# The code and the status of each.
FAILURES = {
    "unfit": ("malformed", None),
    "file": ("no_evidence_store", 404),
    "own": ("no_such_order", 404),
    "ended": ("bad_token", 401),
    "unknown": ("unknown_cursor", 410),
    "impatient": ("too_early", 503),
    "gone": ("no_answer", None),
}
SECRET = "whsec_" + "c2VjcmV0" * 5
MESSAGE = {
    "actor": {"role": "client", "id": "c-1"},
    "command_id": "a-1",
    "kind": "cancel",
    "comment": 'We \u20ac <stopped> \u2028 "it".',
    "amount": 1050,
    "extra": [{"b": 1.5, "a": None}, True],
}
_SAID = r"this\.server\.read\(\s*'(\w+)', '([^']+)'"


def test_its_commands_are_those_of_the_api() -> None:
    assert COMMANDS_FILE.read_text(encoding="utf-8") == methods(), "run `make client-typescript`"


async def test_its_types_are_those_of_the_api(packages: Path, tmp_path: Path) -> None:
    write_types(tmp_path / "api.ts", packages)
    assert (tmp_path / "api.ts").read_text(encoding="utf-8") == TYPES_FILE.read_text(encoding="utf-8"), (
        "run `make client-typescript`"
    )


def test_each_call_of_the_api_has_a_method() -> None:
    source = "".join((CLIENT / "src" / name).read_text(encoding="utf-8") for name in ("client.ts", "handles.ts"))
    called = set(re.findall(_SAID, source))
    called |= {("post", "/orders/{order_id}/files"), ("get", "/orders/{order_id}/files/{file_id}")}
    assert "upload(" in source
    assert "download(" in source
    called |= {
        ("post", f"/orders/{{order_id}}/{kind}/{name}") for kind in ("commands", "previews") for name in COMMANDS
    }
    called |= {("post", f"/groups/{{group}}/commands/{name}") for name in GROUP_COMMANDS}
    offered = {(method, path) for path, calls in description()["paths"].items() for method in calls}
    assert called == offered - NOT_OFFERED
    commands = COMMANDS_FILE.read_text(encoding="utf-8")
    assert [name for name in COMMANDS if f"\n  {camel(name)}(fields: " not in commands] == []


@pytest.fixture(scope="session")
async def programs(packages: Path, built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the programs of these tests and of the page, which a strict compiler has taken."""
    folder = tmp_path_factory.mktemp("programs")
    installed(folder, packages, built)
    (folder / "package.json").write_text('{"type": "module"}', encoding="utf-8")
    for name in ("story.ts", "proofs.ts"):
        shutil.copy(Path(__file__).parent / name, folder)
    shown = re.findall(r"```ts\n(.*?)```", (ROOT / "docs" / "typescript.md").read_text(encoding="utf-8"), re.DOTALL)
    assert len(shown) == 4
    (folder / "page.ts").write_text("".join(shown), encoding="utf-8")
    options = "--strict --exactOptionalPropertyTypes --module nodenext --target es2022 --types node"
    await run(f"node_modules/.bin/tsc {options} story.ts proofs.ts page.ts", cwd=folder, env={})
    return folder


async def printed(program: str, folder: Path, **settings: str) -> dict[str, Any]:
    """What a program prints."""
    said: dict[str, Any] = json.loads(await run(f"node {program}", cwd=folder, env=settings))
    return said


async def test_an_order_past_a_server_that_fails(between: Between, programs: Path) -> None:
    order_id = f"ts-{uuid.uuid4().hex[:8]}"
    of = f"/orders/{order_id}"
    between.faults = {
        "/orders": ["refused", "lost", "proxy"],
        f"{of}/previews/request": ["cut", "busy"],
        f"{of}/commands/request": ["lost"],
        f"{of}/commands/give_time": ["away"],
        f"{of}/commands/message": ["", "long", "lost"],
    }
    settings = {"RECOURSE_API": between.url, "RECOURSE_TOKEN": token("service"), "ORDER": order_id}
    said = await printed("story.js", programs, **settings)
    failures = {name: said.pop(name) for name in FAILURES}
    assert said == {**SAID, "id": order_id, "listed": [order_id]}
    assert {name: (each["code"], each.get("status")) for name, each in failures.items()} == FAILURES
    assert all(each["known"] for each in failures.values() if "status" in each)
    assert failures["impatient"]["commandId"] == "web-2"
    assert not any(between.faults.values())
    for path, times in (("/orders", 4), (f"{of}/previews/request", 3), (f"{of}/commands/request", 2)):
        headers = [headers for where, headers, _ in between.seen if where == f"POST {path}"]
        assert len(headers) == times, path
        assert len({each["x-request-id"] for each in headers}) == 1, path
        assert len({each.get("idempotency-key") for each in headers}) == 1, path
    first, second, _ = (at for where, _, at in between.seen if where == f"POST {of}/commands/give_time")
    assert second - first >= 1


async def test_it_signs_commands_and_takes_only_genuine_webhooks(programs: Path) -> None:
    now, body = datetime.now(UTC), '{"type": "a_new_one", "timestamp": "2026-03-04T10:00:00Z", "data": {}}'

    def webhook(at: datetime, signed: str, secret: str = SECRET) -> tuple[dict[str, str], str]:
        stamp = str(int(at.timestamp()))
        signature = f"v1,bm8= {Webhook(secret).sign('n-1', at, signed)}"
        return {"webhook-id": "n-1", "webhook-timestamp": stamp, "webhook-signature": signature}, body

    given = {
        "key": NEW.hex(),
        "message": MESSAGE,
        "secrets": f"whsec_b3RoZXI= {SECRET}",
        "webhooks": [
            webhook(now, body),
            webhook(now, body.replace("new", "old")),
            webhook(now, body, "whsec_c29tZWJvZHk="),
            webhook(now - timedelta(minutes=6), body),
            ({"webhook-id": "n-1"}, body),
        ],
    }
    said = await printed("proofs.js", programs, GIVEN=json.dumps(given))
    assert said["genuine"] == ["a_new_one", *["BadSignature"] * 4]
    command, judge = {**MESSAGE, "actor_token": said["token"]}, Actors(RING).judge
    assert judge("request", command, "order-17", now) is None
    assert judge("request", {**command, "amount": 1051}, "order-17", now) == "not_this"


async def test_its_package_has_what_a_user_needs_and_no_more(built: Path) -> None:
    [packed] = json.loads(await run("npm pack --dry-run --json --ignore-scripts", cwd=built, env={}))
    files = {file["path"] for file in packed["files"]}
    modules = {path.stem for path in (CLIENT / "src").glob("*.ts")}
    compiled = {f"dist/{module}.{ending}" for module in modules for ending in ("js", "d.ts")}
    assert files == {"LICENSE", "README.md", "package.json"} | compiled
    assert (CLIENT / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
    assert '"resolved"' not in (CLIENT / "package-lock.json").read_text(encoding="utf-8")
