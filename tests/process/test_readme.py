"""The example of the README is run as it stands there."""

import asyncio
import re
import textwrap
from pathlib import Path
from typing import Any

from tests.patience import PATIENCE
from tests.process.conftest import Marketplace

README = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")


async def test_the_example_cancels_the_order(marketplace: Marketplace) -> None:
    [example] = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    await marketplace.order(order_id="1001", client="c-3", freelancer="f-7")
    names: dict[str, Any] = {"client": marketplace.client}
    program = f"async def example():\n{textwrap.indent(example, '    ')}\n    return outcome"
    exec(compile(program, "README.md", "exec"), names)

    async with asyncio.timeout(PATIENCE):
        outcome = await names["example"]()

    assert (outcome["status"], outcome["phase"], outcome["settlement"]) == ("applied", "canceled", "settled")
    assert '{"status": "applied", "phase": "canceled", "settlement": "settled", …}' in README
