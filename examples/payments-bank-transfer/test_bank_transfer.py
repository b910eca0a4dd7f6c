"""The kit of Recourse runs the adapter against a bank. A person carries the files, and loses no time or all of it."""

import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Literal

import pytest
from bank_transfer import SIGNATURE, BankTransfers, euros, is_iban, statuses, text

from recourse.ports import BadSignature, PaymentToCheck
from recourse.testing.payments import Booked, Fault, Mistake, ProviderControl, Webhook, check_adapter

CLIENT, FREELANCER = "DE89370400440532013000", "FR1420041010050500013M02606"
# What a bank reports: a pain.002 that rejects a transfer, and a camt.054 about one that was booked or came back.
REJECTED = """<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.10"><CstmrPmtStsRpt>
<OrgnlPmtInfAndSts><TxInfAndSts><OrgnlEndToEndId>{id}</OrgnlEndToEndId><TxSts>RJCT</TxSts>
<StsRsnInf><Rsn><Cd>AC04</Cd></Rsn></StsRsnInf></TxInfAndSts></OrgnlPmtInfAndSts></CstmrPmtStsRpt></Document>"""
NOTED = """<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.054.001.08"><BkToCstmrDbtCdtNtfctn><Ntfctn>
<Ntry><NtryDtls><TxDtls><Refs><AcctSvcrRef>{reference}</AcctSvcrRef><EndToEndId>{id}</EndToEndId></Refs>{more}
</TxDtls></NtryDtls></Ntry></Ntfctn></BkToCstmrDbtCdtNtfctn></Document>"""
CAME_BACK = "<RtrInf><Rsn><Cd>AC01</Cd></Rsn></RtrInf>"


class Bank(ProviderControl):
    """The bank, and the person between it and the adapter."""

    # A file is no call that could be lost on its way. What it holds settles later, fails later or comes back.
    faults = frozenset({Fault.FAILS_LATER, Fault.RETURNED, Fault.CHARGED_BACK})
    legs = ("refund", "payout")
    currencies = ("EUR",)

    def __init__(self) -> None:
        self.adapter = BankTransfers(":memory:", b"a key of the tests")
        self.ids: dict[str, str] = {}
        self.booked: dict[str, Booked] = {}
        self.posted: list[Webhook] = []

    def collect(self, order: PaymentToCheck) -> Mapping[str, str]:
        return {"payment": CLIENT, "destination": FREELANCER}

    def inject(self, faults: Sequence[Fault | None]) -> None: ...

    def advance(self, by: timedelta) -> None: ...

    def book(self) -> Iterable[Booked]:
        self.carry()
        return list(self.booked.values())

    def carry(self) -> None:
        """The person uploads the next file."""
        if (file := self.adapter.next_file()) is None:
            return
        document = ET.fromstring(file)
        transfers = document.findall(".//{*}CdtTrfTxInf")
        assert text(document, "GrpHdr/CtrlSum") == euros(sum(cents(one) for one in transfers))
        for one in transfers:
            number, key = text(one, "EndToEndId"), self.key_of(text(one, "EndToEndId"))
            assert text(one, "IBAN") == (CLIENT if "refund" in key else FREELANCER)
            assert number not in self.booked
            self.ids[key] = number
            self.booked[number] = Booked(key, cents(one), "EUR", "pending", f"bank-{len(self.booked) + 1}")

    def key_of(self, number: str) -> str:
        return self.adapter.key_of(number)

    def settle(self, key: str) -> None:
        self.become(key, "paid")
        self.read(self.note(key))

    def fail(self, key: str) -> None:
        self.become(key, "failed")
        self.read(REJECTED.format(id=self.ids[key]))

    def give_back(self, key: str) -> None:
        self.become(key, "returned")
        body = self.note(key, CAME_BACK).encode()
        self.posted.append(Webhook({SIGNATURE: self.adapter.sign(body)}, body))

    def become(self, key: str, status: Literal["paid", "failed", "returned"]) -> None:
        self.booked[self.ids[key]] = replace(self.booked[self.ids[key]], status=status)

    def note(self, key: str, more: str = "") -> str:
        number = self.ids[key]
        return NOTED.format(id=number, reference=self.booked[number].reference, more=more)

    def read(self, report: str) -> None:
        body = report.encode()
        assert self.adapter.read_event({SIGNATURE.title(): self.adapter.sign(body)}, body) == []

    def webhooks(self) -> Iterable[Webhook]:
        posted, self.posted = self.posted, []
        return posted

    def charge_back(self, order_id: str, amount: int) -> None: ...

    def decide(self, order_id: str, outcome: Literal["won", "lost"]) -> None: ...


def cents(transfer: ET.Element) -> int:
    return int(text(transfer, "InstdAmt").replace(".", ""))


def test_it_moves_every_cent_once() -> None:
    def make() -> tuple[Any, Bank]:
        bank = Bank()
        return bank.adapter, bank

    assert check_adapter(make, runs=15).payments > 15


def test_a_find_that_says_no_too_early_would_pay_twice() -> None:
    class Early(BankTransfers):
        def find(self, leg: Any) -> str | None:
            transfer = self._transfer(leg)
            return transfer["reference"] if transfer and transfer["status"] == "paid" else None

    def make() -> tuple[Any, Bank]:
        bank = Bank()
        bank.adapter = Early(":memory:", b"a key of the tests")
        return bank.adapter, bank

    with pytest.raises(Mistake, match=r"`find` says nothing of|was paid 2 times"):
        check_adapter(make, shorten=False)


def test_a_report_counts_only_with_its_signature() -> None:
    bank = BankTransfers(":memory:", b"a key of the tests")
    for headers in ({}, {SIGNATURE: bank.sign(b"another")}):
        with pytest.raises(BadSignature, match="not signed with BANK_REPORT_KEY"):
            bank.read_event(headers, NOTED.encode())


def test_what_a_report_says_is_read() -> None:
    for report, says in (
        (REJECTED.format(id="t"), [("t", "rejected", "AC04")]),
        (NOTED.format(id="t", reference="B-1", more=""), [("t", "paid", "B-1")]),
        (NOTED.format(id="t", reference="B-2", more=CAME_BACK), [("t", "returned", "AC01")]),
        ("<Document/>", []),
    ):
        assert list(statuses(ET.fromstring(report))) == says


def test_an_iban_is_checked_before_a_person_carries_it_to_the_bank() -> None:
    assert is_iban(CLIENT)
    assert is_iban(FREELANCER)
    assert not any(map(is_iban, ("", "DE88370400440532013000", "acct_1", CLIENT[:-1], CLIENT.lower()[:4])))
