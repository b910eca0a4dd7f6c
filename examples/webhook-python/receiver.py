"""Receives notices in Python, and takes only genuine ones.

pip install standardwebhooks
RECOURSE_WEBHOOK_SECRET=whsec_... python receiver.py
"""

import os
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

WEBHOOK = Webhook(os.environ["RECOURSE_WEBHOOK_SECRET"])
TAKEN: set[str] = set()  # in earnest: a unique column of your database


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        try:
            # The signature is over the bytes as they came.
            notice = WEBHOOK.verify(body, dict(self.headers))
        except (WebhookVerificationError, ValueError):
            self.answer(401)
            return
        # A notice is sent again until it was answered with 2xx, so it may come twice.
        if self.headers["webhook-id"] not in TAKEN:
            take(notice)
            TAKEN.add(self.headers["webhook-id"])
        self.answer(204)

    def answer(self, status: int) -> None:
        self.send_response(status)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


def take(notice: dict[str, Any]) -> None:
    """`type` is such as request_opened; take no notice of those that you don't know."""
    data = notice["data"]
    answers = ", ".join(data["answers"]) or "-"
    say(f"{notice['type']} for the {data['to']} of order {data['order_id']}; may answer: {answers}")


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    with HTTPServer(("127.0.0.1", int(os.environ.get("PORT", "9000"))), Receiver) as server:
        say("Listening.")
        server.serve_forever()
