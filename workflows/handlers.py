"""The signals and updates of an order: one of each for every command, by its name.

They are what the Temporal UI offers, with a description and a sample. Search `resolution/model/commands.py` for the
commands. The gate in `workflows/inbound.py` takes every message before a handler could.
"""

import json
from collections.abc import Callable
from typing import Any, TypeVar

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from recourse.resolution.model.commands import COMMANDS
    from recourse.resolution.model.outcome import Outcome

_Class = TypeVar("_Class", bound=type)


def takes_every_command(cls: _Class) -> _Class:
    """Give a workflow class a signal and an update for each command, by its name, with its description and a sample.

    They show in the Temporal UI's own dialogs; what they are sent is taken in by the interceptor above.
    """
    for name, command in COMMANDS.items():
        sample = json.dumps({"actor": {"role": command.roles[0], "id": "…"}, **command.sample}, ensure_ascii=False)
        tell = workflow.signal(name=name, description=f"{command.about} Send {sample}")(_teller(name))
        ask = workflow.update(name=name, description=f"{command.about} Answers with the outcome. Send {sample}")(
            _asker(name)
        )
        setattr(cls, f"tell_{name}", tell)
        setattr(cls, f"ask_{name}", ask)
    return cls


def _teller(name: str) -> Callable[..., None]:
    def tell(self: Any, message: Any) -> None:
        self.receive(name, [message])

    tell.__name__ = tell.__qualname__ = f"tell_{name}"
    return tell


def _asker(name: str) -> Callable[..., Any]:
    async def ask(self: Any, message: Any) -> Outcome:
        outcome: Outcome = await self.answer(name, [message], None)
        return outcome

    ask.__name__ = ask.__qualname__ = f"ask_{name}"
    return ask
