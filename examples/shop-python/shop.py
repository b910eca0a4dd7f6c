"""The backend of a small shop: it places orders, takes webhooks, follows changes, and books the money.

    RECOURSE_TOKEN=$(recourse token service:shop) RECOURSE_WEBHOOK_SECRET=whsec_... python shop.py

RECOURSE_API is where `recourse serve` is (http://localhost:8000), SHOP_DATABASE the shop's own database (shop.sqlite),
and PORT where the shop listens (9000). The shop's own API is this:

    POST /orders              {"id": "1001", "buyer": "c-3", "seller": "f-7", "title": "A logo", "price": 10000}
    GET  /orders/1001         what the shop knows
    GET  /orders/1001/page?for=c-3    sends the buyer or the seller to the order's page
    POST /orders/1001/cancel  {"buyer": "c-3", "click": "web-1"}
    POST /notices             the webhooks of Recourse
"""

import json
import os
import sqlite3
import sys
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from recourse import BadInput, Client, Display, Freelancer, RecourseError, Terms, Unreachable
from recourse.sync import Recourse
from recourse.webhooks import BadSignature, verify_webhook

API = os.environ.get("RECOURSE_API", "http://localhost:8000")
SECRET = os.environ["RECOURSE_WEBHOOK_SECRET"]
TABLES = """
CREATE TABLE IF NOT EXISTS orders (
    id TEXT PRIMARY KEY, buyer TEXT NOT NULL, seller TEXT NOT NULL, title TEXT NOT NULL, price INTEGER NOT NULL,
    placed_at TEXT NOT NULL, phase TEXT, refunded INTEGER, earned INTEGER
);
CREATE TABLE IF NOT EXISTS notices (
    id TEXT PRIMARY KEY, order_id TEXT NOT NULL, receiver TEXT NOT NULL, name TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS places (cursor TEXT NOT NULL);
"""


class Books:
    """The shop's own database."""

    def __init__(self, path: str) -> None:
        self._database = sqlite3.connect(path, check_same_thread=False)
        self._database.row_factory = sqlite3.Row
        self._lock = threading.Lock()
        self._database.executescript(TABLES)

    def read(self, query: str, *values: Any) -> list[dict[str, Any]]:
        """The rows of a query."""
        with self._lock:
            return [dict(row) for row in self._database.execute(query, values)]

    def write(self, *statements: tuple[str, tuple[Any, ...]]) -> None:
        """Run statements in one transaction."""
        with self._lock, self._database:
            for statement, values in statements:
                self._database.execute(statement, values)


class Shop:
    """What the shop does with its orders."""

    def __init__(self, recourse: Recourse, books: Books) -> None:
        self.recourse, self.books = recourse, books

    def place(self, order: dict[str, Any]) -> None:
        """Place an order. The buyer has paid; doing it again changes nothing."""
        now = datetime.now(UTC).replace(microsecond=0)
        self.books.write(
            (
                "INSERT OR IGNORE INTO orders (id, buyer, seller, title, price, placed_at) VALUES (?, ?, ?, ?, ?, ?)",
                (order["id"], order["buyer"], order["seller"], order["title"], order["price"], now.isoformat()),
            )
        )
        # What stands in the books counts, also when the server was away and this is the second try.
        self.start(self.books.read("SELECT * FROM orders WHERE id = ?", order["id"])[0])

    def start(self, order: dict[str, Any]) -> None:
        """Start an order of the books in Recourse; a second start of the same order changes nothing."""
        terms = Terms(
            order_id=order["id"],
            client=order["buyer"],
            freelancer=order["seller"],
            currency="USD",
            price=order["price"],  # in cents
            ordered_at=datetime.fromisoformat(order["placed_at"]),
            delivery_time=timedelta(days=5),
        )
        self.recourse.start(terms, "resolution_center", display=Display(title=order["title"]))

    def start_the_rest(self) -> None:
        """Start what the books have and Recourse may not have got, such as after a crash between the two."""
        for order in self.books.read("SELECT * FROM orders WHERE phase IS NULL"):
            self.start(order)

    def cancel(self, order_id: str, buyer: str, click: str) -> dict[str, Any]:
        """Ask to cancel. `click` names what the buyer did: sent twice, it counts once."""
        order = self.recourse.order(order_id)
        outcome = order.request(by=Client(buyer), kind="cancel", comment="No longer needed.", command_id=click)
        return {"asked": True} if outcome.applied else {"asked": False, "why": outcome.message}

    def page(self, order_id: str, person: str) -> str:
        """A link that signs the buyer or the seller in to the order's page."""
        [order] = self.books.read("SELECT * FROM orders WHERE id = ?", order_id)
        who = Client(person) if person == order["buyer"] else Freelancer(person)
        return API + self.recourse.link(who, order_id=order_id).path

    def take(self, body: bytes, headers: Any) -> None:
        """Take a webhook: keep it once, whatever happens to the answer. Raises BadSignature."""
        notice = verify_webhook(SECRET, headers, body)
        known = (headers["webhook-id"], notice["data"]["order_id"], notice["data"]["to"], notice["type"])
        self.books.write(("INSERT OR IGNORE INTO notices VALUES (?, ?, ?, ?)", known))
        say("Order {}: the {} was told {}".format(*known[1:]))

    def follow(self, stop: threading.Event) -> None:
        """Book every change, from the place where the books are."""
        while not stop.is_set():
            try:
                place = self.books.read("SELECT cursor FROM places")
                cursor = place[0]["cursor"] if place else "start"
                changes = self.recourse.changes_page(cursor, wait=5)
                for change in changes.changes:
                    self.book(change.order_id, change.cursor)
            except Unreachable as away:
                say(f"Trying again: {away}")
                stop.wait(1)

    def book(self, order_id: str, cursor: str) -> None:
        """Write what an order is now, and the place of the change, in one transaction: so none is missed or doubled."""
        order = self.recourse.order(order_id).show("operator")
        paid = (order.money.client, order.money.freelancer) if order.settlement == "settled" else (None, None)
        self.books.write(
            ("UPDATE orders SET phase = ?, refunded = ?, earned = ? WHERE id = ?", (order.phase, *paid, order_id)),
            ("DELETE FROM places", ()),
            ("INSERT INTO places VALUES (?)", (cursor,)),
        )
        say(f"Order {order_id}: {order.phase}, {order.settlement}")


class Door(BaseHTTPRequestHandler):
    """The shop's own API."""

    shop: Shop

    def do_GET(self) -> None:
        """Show an order, or send somebody to its page."""
        url = urlsplit(self.path)
        match url.path.strip("/").split("/"):
            case ["orders", order_id, "page"]:
                self.send_response(303)
                self.send_header("Location", self.shop.page(order_id, parse_qs(url.query)["for"][0]))
                self.end_headers()
            case ["orders", order_id]:
                self.answer(200, self.shop.books.read("SELECT * FROM orders WHERE id = ?", order_id))
            case _:
                self.answer(404, "There is nothing here.")

    def do_POST(self) -> None:
        """Place an order, cancel one, or take a webhook."""
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        try:
            match self.path.strip("/").split("/"):
                case ["notices"]:
                    self.shop.take(body, self.headers)
                    self.answer(200, "Taken.")
                case ["orders"]:
                    self.shop.place(json.loads(body))
                    self.answer(201, "Placed.")
                case ["orders", order_id, "cancel"]:
                    asked = json.loads(body)
                    self.answer(200, self.shop.cancel(order_id, asked["buyer"], asked["click"]))
                case _:
                    self.answer(404, "There is nothing here.")
        except BadSignature as error:
            self.answer(401, str(error))
        except (BadInput, KeyError, ValueError) as error:
            self.answer(400, str(error))
        except RecourseError as error:
            self.answer(503, str(error))

    def answer(self, status: int, value: Any) -> None:
        """Answer with JSON."""
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(value).encode())

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: addresses may hold tokens."""


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    """Serve until Ctrl-C."""
    stop = threading.Event()
    with (
        Recourse.connect(API, os.environ["RECOURSE_TOKEN"]) as recourse,
        ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "9000"))), Door) as server,
    ):
        Door.shop = Shop(recourse, Books(os.environ.get("SHOP_DATABASE", "shop.sqlite")))
        Door.shop.start_the_rest()
        follower = threading.Thread(target=Door.shop.follow, args=(stop,))
        follower.start()
        say(f"The shop listens on port {server.server_port}.")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            stop.set()
            follower.join()


if __name__ == "__main__":
    main()
