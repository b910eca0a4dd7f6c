"""Pays in euros by transfer files, which a person carries to the bank: as pain.001 there, as camt.054 or pain.002 back.

    RECOURSE_PAYMENT_PROVIDERS=bank=bank_transfer:connect  for `recourse worker` and `recourse serve`
    BANK_BOOK=/srv/bank.sqlite BANK_REPORT_KEY=...         the same for all, and for the person

    python bank_transfer.py write > transfers.xml          the next file; upload it to the bank
    python bank_transfer.py report camt.xml https://orders.example/payments/bank/events

An order's `payment` is the IBAN that its client paid from, its `destination` the freelancer's.
"""

import hashlib
import hmac
import os
import sqlite3
import sys
import urllib.request
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock

from recourse import BadInput
from recourse.ports import BadSignature, CannotPay, PaymentLeg, PaymentReport, TryLater

PAIN = "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"
SIGNATURE = "x-report-signature"
# `file` is the number of the file that a transfer is in; none yet where it is null.
TABLE = """
CREATE TABLE IF NOT EXISTS transfers (
    id text PRIMARY KEY, key text UNIQUE NOT NULL, order_id text NOT NULL, leg text NOT NULL, iban text NOT NULL,
    cents integer NOT NULL, file integer, status text NOT NULL DEFAULT 'waiting', reference text, reason text
)
"""


class BankTransfers:
    """`book` is a file of SQLite that every worker reaches, such as the path of a volume; use your database instead."""

    def __init__(self, book: str, report_key: bytes) -> None:
        self._book = sqlite3.connect(book, isolation_level=None, check_same_thread=False)
        self._book.row_factory = sqlite3.Row
        self._book.execute(TABLE)
        self._one_at_a_time = Lock()
        self._report_key = report_key

    # For Recourse.

    def pay(self, leg: PaymentLeg) -> str | None:
        if leg.name == "fee":
            return None  # it is on our account already
        iban = leg.payment if leg.name == "refund" else leg.destination
        if iban is None or not is_iban(iban):
            raise CannotPay(f"Order {leg.order_id} names no IBAN for its {leg.name}.")
        if leg.currency != "EUR":
            raise CannotPay(f"The bank pays euros, not {leg.currency}.")
        self._do(
            "INSERT OR IGNORE INTO transfers (id, key, order_id, leg, iban, cents) VALUES (?, ?, ?, ?, ?, ?)",
            *(short(leg.key), leg.key, leg.order_id, leg.leg, iban, leg.amount),
        )
        transfer = self._transfer(leg)
        if transfer is None or (transfer["cents"], transfer["iban"]) != (leg.amount, iban):
            raise CannotPay(f"{leg.key} stands for another transfer.")
        if transfer["status"] in ("rejected", "returned"):
            raise CannotPay(f"The bank has {transfer['status']} it: {transfer['reason']}.")
        return self._paid(transfer)

    def find(self, leg: PaymentLeg) -> str | None:
        transfer = self._transfer(leg)
        if transfer is None or transfer["status"] in ("rejected", "returned"):
            return None
        return self._paid(transfer)

    def read_event(self, headers: Mapping[str, str], body: bytes) -> list[PaymentReport]:
        """Take what the bank reports, as `report` posts it. Only what came back is news for an order: it asks for the
        rest itself."""
        given = {name.lower(): value for name, value in headers.items()}.get(SIGNATURE, "")
        if not hmac.compare_digest(given, self.sign(body)):
            raise BadSignature("The report is not signed with BANK_REPORT_KEY.")
        try:
            said = list(statuses(ET.fromstring(body)))
        except ET.ParseError as error:
            raise BadInput("The report is no XML.") from error
        reports = []
        for transfer, status, text in said:
            column = "reference" if status == "paid" else "reason"
            # What was returned is never paid or rejected later, in whichever order reports come.
            self._do(
                f"UPDATE transfers SET status = ?, {column} = ? WHERE id = ? AND status <> 'returned'",  # noqa: S608
                *(status, text, transfer),
            )
            for row in self._do("SELECT * FROM transfers WHERE id = ?", transfer) if status == "returned" else ():
                fields = {"event": "returned", "leg": row["leg"]} | (
                    {"reference": row["reference"]} if row["reference"] else {}
                )
                reports.append(PaymentReport(order_id=row["order_id"], event_id=f"{transfer}.returned", fields=fields))
        return reports

    # For the person.

    def next_file(self) -> str | None:
        """All that waits, as a file for the bank; None: nothing does. A file that was lost is written by `file`."""
        with self._one_at_a_time:
            self._book.execute("BEGIN IMMEDIATE")
            [number] = self._book.execute("SELECT coalesce(max(file), 0) + 1 FROM transfers").fetchone()
            put = self._book.execute("UPDATE transfers SET file = ? WHERE file IS NULL", (number,)).rowcount
            self._book.execute("COMMIT")
        return self.file(number) if put else None

    def file(self, number: int) -> str:
        """The file of this number. The bank takes its number once, so it may be uploaded again when in doubt."""
        return pain(number, self._do("SELECT * FROM transfers WHERE file = ? ORDER BY id", number))

    def key_of(self, transfer: str) -> str:
        """The key of a transfer that the bank knows by this id."""
        [row] = self._do("SELECT key FROM transfers WHERE id = ?", transfer)
        return str(row["key"])

    def sign(self, body: bytes) -> str:
        return hmac.new(self._report_key, body, hashlib.sha256).hexdigest()

    def _transfer(self, leg: PaymentLeg) -> sqlite3.Row | None:
        return next(iter(self._do("SELECT * FROM transfers WHERE key = ?", leg.key)), None)

    def _paid(self, transfer: sqlite3.Row) -> str:
        if transfer["status"] == "waiting":
            place = f"in file {transfer['file']}" if transfer["file"] else "in no file yet"
            raise TryLater(f"Transfer {transfer['id']} is {place}, and the bank has not reported it.")
        return str(transfer["reference"])

    def _do(self, statement: str, *values: object) -> list[sqlite3.Row]:
        with self._one_at_a_time:
            return self._book.execute(statement, values).fetchall()


def short(key: str) -> str:
    """A key as a bank takes it: 35 characters at most."""
    return hashlib.sha256(key.encode()).hexdigest()[:32]


def is_iban(text: str) -> bool:
    if not (15 <= len(text) <= 34 and text.isascii() and text.isalnum() and text[:2].isalpha() and text[2:4].isdigit()):
        return False
    return int("".join(str(int(letter, 36)) for letter in text[4:] + text[:4])) % 97 == 1


def pain(number: int, transfers: list[sqlite3.Row]) -> str:
    """A file of transfers: pain.001. Your bank's handbook says what it wants besides."""
    ET.register_namespace("", PAIN)
    document = ET.Element(f"{{{PAIN}}}Document")

    def add(parent: ET.Element, path: str, text: str | None = None, **attributes: str) -> ET.Element:
        for name in path.split("/"):
            parent = ET.SubElement(parent, f"{{{PAIN}}}{name}")
        parent.text = text
        parent.attrib.update(attributes)
        return parent

    whole = add(document, "CstmrCdtTrfInitn")
    header, payment = add(whole, "GrpHdr"), add(whole, "PmtInf")
    total = euros(sum(transfer["cents"] for transfer in transfers))
    add(header, "MsgId", f"file-{number}")
    add(header, "CreDtTm", datetime.now(UTC).isoformat(timespec="seconds"))
    for place in (header, payment):
        if place is payment:
            add(place, "PmtInfId", f"file-{number}")
            add(place, "PmtMtd", "TRF")
        add(place, "NbOfTxs", str(len(transfers)))
        add(place, "CtrlSum", total)
    for transfer in transfers:
        one = add(payment, "CdtTrfTxInf")
        add(one, "PmtId/EndToEndId", transfer["id"])
        add(one, "Amt/InstdAmt", euros(transfer["cents"]), Ccy="EUR")
        add(one, "CdtrAcct/Id/IBAN", transfer["iban"])
        add(one, "RmtInf/Ustrd", f"Order {transfer['order_id']}")
    return ET.tostring(document, encoding="unicode", xml_declaration=True)


def statuses(report: ET.Element) -> Iterator[tuple[str, str, str]]:
    """What a report says: a transfer's id, what it is now, and the bank's reference or reason."""
    for part in report.iter():
        kind = part.tag.rpartition("}")[2]
        if kind == "TxInfAndSts" and text(part, "TxSts") == "RJCT":  # pain.002
            yield text(part, "OrgnlEndToEndId"), "rejected", text(part, "Cd") or "no reason"
        elif kind == "TxDtls":  # camt.054
            returned = text(part, "RtrInf/Rsn/Cd")
            done = ("returned", returned) if returned else ("paid", text(part, "AcctSvcrRef"))
            yield text(part, "EndToEndId"), *done


def text(part: ET.Element, path: str) -> str:
    return part.findtext(".//" + "/".join(f"{{*}}{name}" for name in path.split("/")), "")


def euros(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"


def connect() -> BankTransfers:
    return BankTransfers(os.environ["BANK_BOOK"], os.environ["BANK_REPORT_KEY"].encode())


def main(command: str, *arguments: str) -> None:
    bank = connect()
    if command == "write":
        print(bank.next_file() or sys.exit("Nothing waits to be paid."))
    elif command == "again":
        print(bank.file(int(arguments[0])))
    elif command == "report":
        report, url = arguments
        body = Path(report).read_bytes()
        sent = urllib.request.Request(url, body, {SIGNATURE: bank.sign(body), "content-type": "application/xml"})  # noqa: S310
        with urllib.request.urlopen(sent) as answer:  # noqa: S310
            print(answer.read().decode())
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(*(sys.argv[1:] or ["help"]))
