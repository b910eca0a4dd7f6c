"""The adapter on the page about payments pays as the page says, against a bank that makes trouble."""

import json
import re
from functools import partial
from typing import Any

import httpx2
import pytest
from temporalio.testing import ActivityEnvironment

from recourse.activities import paying
from recourse.activities.contract import LegToPay
from recourse.activities.paying import Paying
from recourse.ports import CannotPay, PaymentToCheck
from recourse.resolution.model.payments import LegAnswer
from recourse.testing.payments import Mistake, ProviderControl, check_adapter
from tests.activities.conftest import Written
from tests.docs.pages import ROOT, Page

PAGE = Page(ROOT / "docs" / "payments.md")


class HttpBank:
    """A bank as the page has it. It asks for a moment first, and then loses its answer to each transfer."""

    def __init__(self) -> None:
        self.transfers: dict[str, dict[str, Any]] = {}
        self.calls: list[str] = []
        self.busy = True

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.calls.append(f"{request.method} {request.url.path}")
        if self.busy:
            self.busy = False
            return httpx2.Response(429, headers={"Retry-After": "0"})
        if request.url.path == "/payments/pi_1":
            return httpx2.Response(200, json={"amount": 10_550, "currency": "USD"})
        if request.method == "GET":
            found = self.transfers.get(request.url.params.get("about", ""))
            return httpx2.Response(200, json={"transfers": [found] if found else []})
        wanted, key = json.loads(request.content), request.headers["Idempotency-Key"]
        if wanted["to"] == "acct_closed":
            return httpx2.Response(422, json={"message": "This account is closed."})
        self.transfers[key] = {**wanted, "id": f"tr_{len(self.transfers) + 1}"}
        return httpx2.Response(500)


@pytest.fixture
def bank() -> HttpBank:
    return HttpBank()


@pytest.fixture
def adapter(bank: HttpBank) -> Any:
    [text, *_] = [block for language, block in PAGE.blocks if language == "python"]
    names: dict[str, Any] = {}
    exec(compile(text, "docs/payments.md", "exec"), names)
    return names["Bank"](httpx2.AsyncClient(base_url="https://bank.test", transport=httpx2.MockTransport(bank)))


async def test_it_pays_once_whatever_gets_lost(
    pool: Any, bank: HttpBank, adapter: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paying, "PAUSE", 0.01)
    written = await Written(pool, provider="bank", payment="pi_1", destination="acct_1").open()
    await written.by("freelancer", "deliver")
    await written.by("client", "complete")
    worker = Paying(pool, {"bank": adapter})

    async def ask(leg: str) -> LegAnswer:
        return await ActivityEnvironment().run(worker.pay, LegToPay(order_id=written.order_id, leg=leg))

    with pytest.raises(httpx2.HTTPStatusError):
        await ask("1.payout")
    assert await ask("1.payout") == LegAnswer(status="done", reference="tr_1")
    assert await ask("1.fee") == LegAnswer(status="done")
    assert bank.calls == ["POST /transfers", "GET /transfers", "POST /transfers", "GET /transfers"]
    [(key, moved)] = bank.transfers.items()
    assert key == moved["about"] == f"{written.order_id}.payment.1.payout"
    assert (moved["to"], moved["amount"], moved["currency"]) == ("acct_1", 8_000, "USD")


@pytest.mark.parametrize(
    ("destination", "says"), [("acct_closed", "This account is closed."), (None, "says nowhere to pay its payout to.")]
)
async def test_what_it_can_never_pay_is_for_operators(
    pool: Any, bank: HttpBank, adapter: Any, destination: str | None, says: str
) -> None:
    bank.busy = False
    written = await Written(pool, provider="bank", destination=destination).open()
    await written.by("freelancer", "deliver")
    await written.by("client", "complete")
    asked = LegToPay(order_id=written.order_id, leg="1.payout")
    answer = await ActivityEnvironment().run(Paying(pool, {"bank": adapter}).pay, asked)
    assert (answer.status, says in str(answer.reason)) == ("blocked", True)


async def test_it_checks_what_was_collected(bank: HttpBank, adapter: Any) -> None:
    bank.busy = False
    wanted = PaymentToCheck(order_id="o", payment="pi_1", destination=None, amount=10_550, currency="USD")
    await adapter.check(wanted)
    for wrong in ({"amount": 10_551}, {"currency": "EUR"}, {"payment": None}):
        with pytest.raises(CannotPay):
            await adapter.check(wanted.model_copy(update=wrong))


def test_the_kit_finds_the_mistake_that_the_page_shows() -> None:
    [program] = [block for language, block in PAGE.blocks if language == "python" and "check_adapter" in block]
    [says] = [block for language, block in PAGE.blocks if language == "text" and "CannotPay for" in block]
    names: dict[str, Any] = {}
    exec(compile(program, "docs/payments.md", "exec"), names)
    # To look for the shortest sequence of steps takes a while, and tests of the kit do it.
    names["check_adapter"] = partial(check_adapter, shorten=False)
    with pytest.raises(Mistake) as found:
        names["test_my_adapter"]()
    shown, said = says.splitlines(), str(found.value).splitlines()
    legs = re.compile(r"[0-9]\.(refund|payout|fee) of order o-[0-9]")
    assert [legs.sub("", line) for line in said[:3]] == [legs.sub("", line) for line in shown[:3]]
    assert "raises CannotPay: The bank is too slow." in shown[6]
    assert any(line.startswith("  pay(") and line.endswith(shown[6].partition(" raises ")[2]) for line in said)


def test_the_page_names_what_a_control_can_do() -> None:
    shown = PAGE.text.partition("with which the kit plays on it")[2].partition("Its attribute")[0]
    assert {name.partition("(")[0] for name in re.findall(r"`(\w+\([^`]*\))`", shown)} == {
        name for name, each in vars(ProviderControl).items() if callable(each) and name[0] != "_"
    }
