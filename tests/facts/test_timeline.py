"""The record as people read it."""

import re
from datetime import UTC, datetime
from io import StringIO
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from recourse.cli.timeline import timeline
from recourse.resolution.model.record import Export, export
from recourse.web.pages.timeline import timeline as on_a_page
from tests.facts.lives import READERS, live
from tests.facts.stories import played


def printed(record: Any, **options: Any) -> str:
    paper = StringIO()
    Console(file=paper, width=400, color_system=None).print(timeline(record, **options))
    return paper.getvalue()


@settings(max_examples=40)
@given(st.integers(0, 2**32).map(Random))
def test_every_entry_of_every_readers_record_has_its_line(random: Random) -> None:
    life = live(random)
    for reader in READERS:
        record = Export.model_validate(export(life.opening, life.entries, reader, at=life.order.decided_at))
        text = printed(record)
        for entry in record.entries:
            assert re.search(rf"^ *{entry.number}  ", text, re.MULTILINE)
        assert text.count("hidden from this reader") == sum(entry.content is None for entry in record.entries)
        assert [one for sent in life.sent for one in sent.private if one in text and reader != "operator"] == []


async def test_a_line_tells_when_who_what_what_came_of_it_and_the_money() -> None:
    life = await played("s30-record-export")
    for reader in READERS[:2]:
        lines = printed(
            Export.model_validate(export(life.opening, life.entries, reader, at=life.order.decided_at))
        ).splitlines()
        asked = next(line for line in lines if "request opened" in line)
        for part in ("Tue 2025-03-04 10:00 UTC", "freelancer f-1", "request cancel, unforeseen, 60.00 USD"):
            assert part in asked, asked
        assert any("“The scope has doubled.”" in line for line in lines)
        end = next(line for line in lines if "in progress → canceled" in line)
        for part in ("operator", "rule cancel, 50.00 USD", "client +52.75 USD"):
            assert part in end, end
        assert any("still held 0.00 USD" in line for line in lines)


async def test_the_operator_alone_reads_what_was_said_to_operators() -> None:
    life = await played("s30-record-export")
    assert "for operators only: “Their manager was rude.”" in printed(life.entries, currency="USD")
    for reader in READERS[:2]:
        text = printed(Export.model_validate(export(life.opening, life.entries, reader, at=life.order.decided_at)))
        assert "Their manager" not in text
        assert "for operators only" not in text


async def test_a_refused_attempt_says_so() -> None:
    life = await played("s26a-careless-client")
    refused = [entry for entry in life.entries if entry.content["outcome"] == "refused"]
    assert refused
    assert printed(life.entries).count("refused: ") == len(refused)


async def test_without_a_currency_amounts_stay_minor_units() -> None:
    life = await played("s30-record-export")
    assert "client +5275" in printed(life.entries)


async def test_instants_are_shown_on_the_readers_clock_and_a_zone_that_is_none_is_refused() -> None:
    life = await played("s30-record-export")
    assert "Tue 2025-03-04 11:00 UTC+01:00" in printed(life.entries, zone="Europe/Berlin")
    for record in (life.entries, []):
        with pytest.raises(ValueError, match="not an IANA time zone"):
            timeline(record, zone="Berlin")


async def test_what_waited_says_from_when_it_counts() -> None:
    life = await played("s30-record-export")
    entry = life.entries[0]
    content = {**entry.content, "at": "2025-03-04T12:00:00Z", "counted_at": "2025-03-04T10:00:00Z"}
    waited = entry.model_copy(update={"content": content})
    assert "counts from Tue 2025-03-04 10:00 UTC" in printed([waited])
    record = Export.model_validate(export(life.opening, [waited], "client", at=life.order.decided_at))
    [shown] = on_a_page(record.entries, "client", "USD")
    assert shown.counted_at == datetime(2025, 3, 4, 10, tzinfo=UTC)


async def test_no_text_of_a_party_is_read_as_markup_or_reaches_the_terminal_as_a_command() -> None:
    life = await played("s30-record-export")
    entry = life.entries[0]
    content = {**entry.content, "fields": {"comment": "[red]\x1b[2J\x07\u202e", "kind": "cancel"}}
    text = printed([entry.model_copy(update={"content": content})])
    assert r"[red]\u001b[2J\u0007\u202e" in text


odd = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=200)
@given(odd, st.sampled_from(("at", "actor", "command", "fields", "events", "money", "outcome", "private", "from")))
def test_odd_content_is_shown_as_far_as_it_goes(value: Any, field: str) -> None:
    entry = live(Random(11), moves=1).entries[0]
    printed([entry.model_copy(update={"content": {**entry.content, field: value}})])
    printed(
        [entry.model_copy(update={"content": {**entry.content, "events": [{"event": "money_moved", "sums": value}]}})]
    )
    printed([entry.model_copy(update={"content": {**entry.content, "fields": {"amount": value, "reason": value}}})])
