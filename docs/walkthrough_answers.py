"""Writes into docs/walkthroughs what the system answers to each command, played on the rules with a simulated clock.

A console block holds instants (`# 2025-03-04 10:00`) and commands; what stands below a command is its answer.
"""

import asyncio
import io
import json
import re
import shlex
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from recourse.cli.app import app
from recourse.cli.commands import actor
from recourse.cli.lists import say_list
from recourse.cli.orders import read_terms
from recourse.cli.output import console, plain
from recourse.cli.pages import (
    actions_list,
    announced,
    has_started,
    notices_list,
    order_page,
    outcome_page,
    outlook_page,
    starting,
)
from recourse.cli.typed import with_amount
from recourse.policies import load_policy
from recourse.resolution.model.commands import COMMANDS
from recourse.resolution.model.order import Opening, Order
from recourse.resolution.model.reading import read_message
from recourse.resolution.model.record import Reader
from recourse.resolution.model.terms import Histories, Terms
from recourse.resolution.shown.looking_ahead import (
    Actions,
    WouldBeRefused,
    available_actions,
    opens_later,
    preview,
)
from recourse.resolution.shown.views import view
from recourse.starter.simulate.engine import SALT, PureEngine

FOLDER = Path(__file__).parent / "walkthroughs"
PAGES = sorted(FOLDER.glob("*.md"))

BEFORE = datetime.min.replace(tzinfo=UTC)
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# What the two have behind them, which a database would know.
BEHIND = re.compile(r"^<!-- behind them: (.*) -->$", re.MULTILINE)


@dataclass
class Walk:
    """One order that follows the commands of a page."""

    page: str
    engine: PureEngine | None = None
    now: datetime = BEFORE
    given: int = 0

    async def block(self, text: str) -> str:
        """A console block with the answers to its commands."""
        parts: list[str] = []
        lines = iter(text.splitlines())
        for line in lines:
            if line.startswith("# "):
                self.now = datetime.strptime(line, "# %Y-%m-%d %H:%M").replace(tzinfo=UTC)
                parts.append(line)
            elif line.startswith("$ "):
                typed = [line]
                while typed[-1].endswith("\\"):
                    typed.append(next(lines))
                parts += [*typed, await self.answer(" ".join(part.removesuffix("\\") for part in typed))]
        return "\n".join(parts) + "\n"

    async def answer(self, typed: str) -> str:
        """What the command line shows for one command."""
        typed, _, key = typed.removeprefix("$ recourse ").partition(" | jq -c .")
        words = shlex.split(typed)
        if self.engine:
            await self.engine.move_to(self.now)
        shown = io.StringIO()
        with redirect_stdout(shown), redirect_stderr(shown):
            await self._give(words, key)
        return "\n".join(line.rstrip() for line in shown.getvalue().splitlines())

    async def _give(self, words: list[str], key: str) -> None:
        command, bound, _ = app.parse_args(words, exit_on_error=False, print_error=False)
        name = command.__name__
        bound.apply_defaults()
        options = dict(bound.arguments)
        options |= options.pop("options", {})
        order_id = str(options.pop("order_id"))
        if name == "start":
            self._start(order_id, options)
            return
        if self.engine is None:
            raise ValueError("the page starts no order")
        order = self.engine.rules.order
        reader: Reader = options.get("reader", "operator")
        if name == "show":
            page = view(order, reader, self.now)
            if key:
                console().print(json.dumps(plain(page)[key], separators=(",", ":")))
            else:
                console().print(order_page(order, page, "UTC", reader))
        elif name == "actions":
            later = {} if reader == "operator" else opens_later(order, reader, self.now)
            found = Actions(actions=available_actions(order, reader, self.now), available_at=later)
            say_list(actions_list(found, reader, order.terms.currency), json=False)
        elif name == "notices":
            told = [notice for notice in await self.engine.notices() if notice.to == reader]
            say_list(notices_list(told, reader), json=False)
        else:
            await self._command(name, order, options, ahead="preview" in words, decided=words[0] == "cases")

    async def _command(self, name: str, order: Order, options: dict[str, Any], *, ahead: bool, decided: bool) -> None:
        self.given += 1
        typed = {key: options[key] for key in COMMANDS[name].model_fields if options.get(key) is not None}
        payload, amount = with_amount(order, name, typed)
        payload |= {"actor": actor(order.terms, options["sender"]), "command_id": f"walk-{self.given}"}
        if ahead or decided:
            look = preview(order, read_message(name, payload, "preview"), self.now, payload["actor"]["role"])
            console().print(outlook_page(look, order.terms.currency, amount))
            ahead = ahead or isinstance(look, WouldBeRefused)
        if amount and not ahead and not decided:
            console().print(announced(name, order.terms.order_id, amount))
        if not ahead and self.engine:
            [outcome] = await self.engine.send([(name, payload)]) or []
            console().print(outcome_page(outcome, order.terms.currency, amount))

    def _start(self, order_id: str, options: dict[str, Any]) -> None:
        policy = load_policy(options["policy"])
        behind = BEHIND.search(self.page)
        history = Histories.model_validate(json.loads(behind[1]) if behind else {})
        agreed = {key: value for key, value in options.items() if key in Terms.model_fields}
        terms = read_terms(order_id, **agreed | {"ordered_at": self.now}, history=history)
        self.engine = PureEngine(Opening(terms=terms, policy=policy, record_salt=SALT))
        console().print(starting(terms))
        console().print(has_started(policy.name))


async def answered(text: str) -> str:
    """A page with the answers that its commands get now."""
    walk, parts, end = Walk(text), [], 0
    for found in BLOCK.finditer(text):
        parts += [text[end : found.start(1)], await walk.block(found[1])]
        end = found.end(1)
    return "".join(parts) + text[end:]


if __name__ == "__main__":
    for path in PAGES:
        path.write_text(asyncio.run(answered(path.read_text(encoding="utf-8"))), encoding="utf-8")
