"""For tests of programs that use Recourse: a sandbox as pytest fixtures.

In `conftest.py`: `pytest_plugins = ["recourse.testing"]`. It needs the extra `recourse[testing]`.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from urllib.parse import quote

from recourse.extras import require

require("testing")

import httpx2
import pytest

from recourse.errors import RecourseError, Unreachable
from recourse.local.process import end_with_the_parent
from recourse.sandbox.calling import move_clock
from recourse.sandbox.payments import Answer

__all__ = ["Sandbox", "recourse_environment", "recourse_sandbox"]

Role = Literal["service", "client", "freelancer", "operator"]
STOPS_WITHIN = 60.0  # seconds


@dataclass(frozen=True)
class Sandbox:
    """A sandbox that runs next to the tests; docs/sandbox.md says what it can.

    `url` is where the API, the pages and `/sandbox` are. `tokens` and `sign_in_links` are by role: of the backend
    `shop`, client `c-3`, freelancer `f-7` and operator `op-1`. `environment` holds the variables by which `recourse`
    and `recourse.temporal.Recourse.connect()` work in it.
    """

    url: str
    temporal_ui: str
    tokens: Mapping[Role, str]
    sign_in_links: Mapping[Role, str]
    webhook_secret: str
    environment: Mapping[str, str]

    def http(self, role: Role = "service") -> httpx2.Client:
        """A caller of the HTTP API in this role; close it after use."""
        headers = {"Authorization": f"Bearer {self.tokens[role]}"}
        return httpx2.Client(base_url=self.url, headers=headers, timeout=60, trust_env=False)

    def advance(self, order_id: str, length: str) -> datetime:
        """Move the clock of an order forward by a length such as `48h`; returns what it reads then.

        What falls due on the way happens. Raises BadInput, or RecourseError where there is no such order or its clock
        stands.
        """
        return move_clock(self.url, order_id, advance=length).now

    def advance_to(self, order_id: str, until: datetime) -> datetime:
        """The same to an instant, which has a time zone."""
        return move_clock(self.url, order_id, until=until.isoformat()).now

    def sent(self, order_id: str) -> list[dict[str, Any]]:
        """The mails and webhooks that were sent about an order, in order."""
        with self.http() as caller:
            sent: list[dict[str, Any]] = caller.get("/sandbox/sent", params={"order": order_id}).json()["sent"]
        return sent

    def payments_will(self, order_id: str, answer: Answer) -> None:
        """Have the payment provider `sandbox` answer so for an order from now on: docs/sandbox.md has the answers."""
        self._ask("PUT", order_id, "payments", {"answer": answer})

    def return_payment(self, order_id: str, leg: str) -> dict[str, Any]:
        """Have the provider report that a payment, such as `1.payout`, came back; returns the order's answer."""
        return self._ask("POST", order_id, "payments/events", {"event": "returned", "leg": leg})

    def open_chargeback(self, order_id: str, amount: int | None = None) -> dict[str, Any]:
        """Have the provider report that the client's bank has taken an amount in minor units, or all that was paid."""
        return self._ask("POST", order_id, "payments/events", {"event": "chargeback_opened", "amount": amount})

    def close_chargeback(self, order_id: str, outcome: Literal["won", "lost"]) -> dict[str, Any]:
        """Have the provider report how the client's bank has decided; `lost`: the client has the money for good."""
        return self._ask("POST", order_id, "payments/events", {"event": "chargeback_closed", "outcome": outcome})

    def _ask(self, method: str, order_id: str, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Raises RecourseError with what the sandbox answers instead."""
        with self.http() as caller:
            answer = caller.request(method, f"/sandbox/orders/{quote(order_id, safe='')}/{path}", json=body)
        said: dict[str, Any] = answer.json()
        if not answer.is_success:
            raise RecourseError(said.get("detail") or said["title"])
        return said


@pytest.fixture(scope="session")
def recourse_sandbox() -> Iterator[Sandbox]:
    """A sandbox that starts with the first test that needs it and ends with the session."""
    command = [sys.executable, "-c", "from recourse.cli import main; main()", "dev", "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, preexec_fn=end_with_the_parent) as process:
        try:
            line = process.stdout.readline() if process.stdout else ""
            if not line:
                raise Unreachable("The sandbox did not start; what it said stands above.")
            yield Sandbox(**json.loads(line))
        finally:
            process.terminate()
            process.wait(STOPS_WITHIN)


@pytest.fixture
def recourse_environment(recourse_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """The sandbox, with the environment of this process: `recourse.temporal.Recourse.connect()` leads there."""
    for name, value in recourse_sandbox.environment.items():
        monkeypatch.setenv(name, value)
    return recourse_sandbox
