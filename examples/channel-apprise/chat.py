"""Notices to operators in Slack, Teams, or whatever else Apprise knows.

The worker needs `pip install apprise`, this file on its PYTHONPATH, and two variables:

    RECOURSE_NOTICE_CHANNELS="chat=chat:Chat"
    CHAT_URLS="slack://TokenA/TokenB/TokenC/#disputes workflows://HOST/WORKFLOW/SIGNATURE"
"""

import os

from apprise import Apprise

from recourse.ports import NotDelivered, Notice, in_words


class Chat:
    """Posts every notice to operators. Apprise waits for answers, so Recourse calls this in a thread."""

    receivers = ("operator",)

    def __init__(self) -> None:
        self._services = Apprise(os.environ["CHAT_URLS"].split())

    def send(self, notice: Notice, email: str | None) -> None:
        """Post one notice; a service that does not take it is asked again with the next attempt."""
        title, text = in_words(notice)
        if not self._services.notify(title=title, body=text):
            raise NotDelivered("a chat service did not take it")
