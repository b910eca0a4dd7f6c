"""What another build wrote into a notice or the record is read as far as this one knows it, and handed on whole."""

import json

from recourse.activities.webhook import payload
from recourse.resolution.model.entry import AppliedEntry, OtherEvent, read_content
from recourse.resolution.model.events import MessageSent
from recourse.resolution.model.notice import Notice
from tests.rules.given import Given


def test_a_webhook_carries_what_a_newer_build_added_to_a_notice() -> None:
    [notice] = Given().client("message", comment="Hello.").notices
    stored = notice.model_dump(mode="json")
    stored |= {"name": "message_seen", "body": {**stored["body"], "mood": "friendly"}}

    sent = json.loads(payload(Notice.model_validate(stored)))

    assert sent["type"] == "message_seen"
    assert sent["data"] == {"to": "freelancer", **stored["body"]}


def test_an_entry_with_an_unknown_event_and_an_unknown_key_is_read() -> None:
    given = Given()
    given.client("message", comment="Hello.")
    content = given.record[-1].content
    known = {**content["events"][0], "device": "phone"}

    read = read_content({**content, "mood": "friendly", "events": [known, {"event": "waved", "by": "client"}]})

    assert isinstance(read, AppliedEntry)
    assert isinstance(read.events[0], MessageSent)
    assert isinstance(read.events[1], OtherEvent)
    assert read.events[1].event == "waved"


def test_an_entry_that_is_read_and_written_is_the_same_json() -> None:
    given = Given("glimmer")
    given.client("request", kind="cancel", reason="other", amount=0, private_note="-")
    given.freelancer("accept", expected_version=7)
    given.after("48h")

    for entry in given.record:
        assert entry.parsed.model_dump(mode="json") == entry.content
