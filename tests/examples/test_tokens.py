"""The tokens that other languages make, as docs/integrating.md shows, prove the commands that they are for."""

import asyncio
import json
import re
from datetime import UTC, datetime
from pathlib import Path

from recourse.runtime.actors import Actors
from tests.examples.conftest import ROOT, needs
from tests.secrets.conftest import NEW, RING

MESSAGE = {
    "actor": {"role": "client", "id": "c-1"},
    "command_id": "a-1",
    "kind": "cancel",
    "comment": 'We \u20ac <stopped> \u2028 "it".',
    "amount": 1050,
    "extra": [{"b": 1.5, "a": None}, True],
}


async def test_the_token_of_the_typescript_example_proves_its_command(tmp_path: Path) -> None:
    needs("node")
    [example] = re.findall(r"```js\n(import .*?)```", (ROOT / "docs" / "integrating.md").read_text(), re.DOTALL)
    given = f"'new', Buffer.from('{NEW.hex()}', 'hex'), '17', 'request', {json.dumps(MESSAGE)}"
    (tmp_path / "token.mjs").write_text(f"{example}\nconsole.log(JSON.stringify(signed({given})));\n")
    node = await asyncio.create_subprocess_exec("node", str(tmp_path / "token.mjs"), stdout=asyncio.subprocess.PIPE)
    said, _ = await node.communicate()
    command, judge, now = json.loads(said), Actors(RING).judge, datetime.now(UTC)

    assert judge("request", command, "order-17", now) is None
    assert judge("request", {**command, "amount": 1051}, "order-17", now) == "not_this"
