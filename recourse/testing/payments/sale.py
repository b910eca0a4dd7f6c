"""An order of the kit. The rules decide it, and the activity of the worker asks the provider, as for a real one."""

import asyncio
from datetime import datetime
from typing import Any

from temporalio.exceptions import ApplicationError

from recourse.activities.contract import LegToPay
from recourse.activities.paying import Paying
from recourse.resolution.engine import OrderEngine, Plan
from recourse.resolution.model.order import Opening, Order
from recourse.resolution.model.payments import Leg, LegAnswer
from recourse.resolution.model.reading import read_message
from recourse.resolution.rules.clocks import next_clock
from recourse.testing.payments.table import PaymentsTable, WorkerKilled

__all__ = ["Sale"]


class Sale:
    """One order, driven as its workflow does it. `forgets`: a killed worker's round leaves no trace in the order.

    `balances`: what the ledger's lines come to, by account.
    """

    def __init__(self, opening: Opening, table: PaymentsTable, paying: Paying, loop: asyncio.AbstractEventLoop) -> None:
        self.engine = OrderEngine(opening)
        self.now = opening.terms.ordered_at
        self.forgets = False
        self.killed = False
        self.balances: dict[str, int] = {}
        self._table, self._paying, self._loop = table, paying, loop
        self._messages = 0
        table.open(opening)
        self._commit(self.engine.opening())

    @property
    def order(self) -> Order:
        """The order as it is now."""
        return self.engine.order

    @property
    def id(self) -> str:
        """The order's id."""
        return self.order.terms.order_id

    def say(self, role: str, command: str, command_id: str | None = None, **fields: Any) -> bool:
        """Somebody gives a command now; whether it was applied."""
        self._messages += 1
        terms = self.order.terms
        person = {"client": terms.client, "freelancer": terms.freelancer}.get(role, f"{role}-1")
        sent = {"actor": {"role": role, "id": person}, "command_id": command_id or f"m-{self._messages}", **fields}
        message = read_message(command, sent, f"unnamed-{self._messages}")
        if self.engine.first_answer(message) is not None:
            return False
        decided = self.engine.decide(message, self.now)
        self._commit(self.engine.plan(decided))
        self._pay_first_time()
        return decided.refusal is None

    def until(self, instant: datetime) -> None:
        """Time passes, while no worker runs; then what is due by now happens."""
        self.now = max(self.now, instant)
        while (clock := next_clock(self.order)) is not None and clock.at <= self.now:
            decided = self.engine.fire(clock, self.now)
            if decided.retries and self.engine.asks(self.now):
                self._ask()
            else:
                self._commit(self.engine.plan(decided))
                self._pay_first_time()

    def _pay_first_time(self) -> None:
        while not self.order.retries and self.engine.asks(self.now):
            self._ask()

    def _ask(self) -> None:
        answers: dict[str, LegAnswer] = {}
        try:
            for leg in self.engine.asks(self.now):
                answer = self._pay(leg)
                if answer is not None:
                    answers[leg.id] = answer
        except WorkerKilled:
            self.killed = True
            if self.forgets:
                return
        self._commit(self.engine.plan_answers(answers, self.now))

    def _pay(self, leg: Leg) -> LegAnswer | None:
        asked = LegToPay(order_id=self.id, leg=leg.id)
        try:
            return self._loop.run_until_complete(self._paying.pay(asked))
        except ApplicationError as error:
            if error.non_retryable:
                raise
            return None
        # Whatever an adapter raises means: not yet.
        except Exception:  # noqa: BLE001
            return None

    def _commit(self, plan: Plan) -> None:
        step = self.engine.commit(plan)
        self._table.write(step)
        for line in step.ledger:
            self.balances[line.account] = self.balances.get(line.account, 0) + line.amount
