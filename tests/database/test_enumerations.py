"""Every column that holds a word of a closed list takes exactly the words of that list, in whichever table it is."""

import re
from typing import Any, Literal, get_args

import pytest

from recourse.resolution.model.notice import Receiver
from recourse.resolution.model.outcome import Turn
from recourse.resolution.model.payments import LegName, LegStatus
from recourse.resolution.model.step import Account
from recourse.resolution.model.vocabulary import (
    ExemptBecause,
    Fault,
    How,
    Lateness,
    Party,
    Phase,
    Rating,
    RequestKind,
    RequestStatus,
    SettlementStatus,
    Stage,
)

LISTS: dict[str, Any] = {
    "orders.phase": Phase,
    "orders.how": How,
    "orders.settlement": SettlementStatus,
    "orders.request_kind": RequestKind,
    "orders.request_status": RequestStatus,
    "orders.case_stage": Stage,
    "orders.turn": Turn.model_fields["who"].annotation,
    "facts.ending": Literal["completed", "canceled", "reopened"],
    "facts.how": How,
    "facts.initiator": Literal["client", "freelancer", "system", "operator"],
    "facts.fault": Fault,
    "facts.exempt_because": ExemptBecause,
    "facts.lateness": Lateness,
    "facts.client_public": Rating,
    "facts.client_private": Rating,
    "facts.freelancer_public": Rating,
    "facts.unpaid_silent": Literal["counted", "excluded"],
    "ledger_entries.account": Account,
    "notices.receiver": Receiver,
    "payments.leg": LegName,
    "payments.status": LegStatus,
    "contacts.role": Party,
    "evidence_files.role": Party,
    "rights.kind": Literal["TABLE", "FUNCTION", "SCHEMA"],
    "erasures.role": Party,
    "erased_orders.what": Literal["texts", "addresses", "notices", "contacts", "order"],
    "legal_holds.role": Party,
    "sessions.kind": Literal["pages", "token"],
    "sessions.role": Literal["client", "freelancer", "operator", "service"],
}
# Lists that grow with releases, choices of policies, and what people write.
FREE = {
    "answers": {"order_id", "sender", "command_id"},
    "changes": {"order_id"},
    "change_outbox": {"aggregatetype", "aggregateid", "type"},
    "contacts": {"order_id", "email"},
    "deliveries": {"notice_id", "channel", "last_error"},
    "displays": {"order_id", "title", "link", "image", "client_name", "freelancer_name"},
    "erased_orders": {"order_id", "reason", "legal_basis", "erased_by"},
    "erasures": {"party", "reason", "legal_basis", "asked_by"},
    "evidence_files": {"id", "order_id", "name", "media_type", "sha256"},
    "facts": {"order_id", "policy", "client", "freelancer", "currency", "reason", "calculator"},
    "held_channels": {"channel", "address"},
    "ledger_entries": {"order_id"},
    "legal_holds": {"order_id", "party", "reason", "set_by", "lifted_by"},
    "migrations": {"name", "checksum"},
    "notices": {"id", "order_id", "name"},
    "openings": {"order_id"},
    "order_states": {"order_id", "record_salt"},
    "orders": {"order_id", "policy", "client", "freelancer", "currency", "next_clock", "group_id"},
    "payments": {"key", "order_id", "currency", "provider", "reason", "reference"},
    "record_days": {"root", "key", "signature"},
    "record_entries": {"order_id", "previous", "hash"},
    "record_heads": {"order_id", "head"},
    "record_keys": {"id", "public"},
    "record_tiles": {"root"},
    "relays": {"name", "cursor"},
    "rights": {"name", "app", "reader", "keeper", "web"},
    "sessions": {"id", "holder"},
    "uncounted": {"order_id", "freelancer"},
    "untaken_reports": {"provider", "event_id", "order_id", "event", "reason"},
    "reconciliations": {"provider"},
}


@pytest.mark.parametrize("column", LISTS)
async def test_a_column_takes_the_words_of_its_list_and_no_other(pool: Any, column: str) -> None:
    table, name = column.split(".")
    checks = await pool.fetch(
        "SELECT pg_get_constraintdef(c.oid) FROM pg_constraint AS c "
        "INNER JOIN pg_attribute AS a ON a.attrelid = c.conrelid AND c.conkey = ARRAY[a.attnum] "
        "WHERE c.conrelid = $1::regclass AND c.contype = 'c' AND a.attname = $2",
        table,
        name,
    )
    [check] = [row[0] for row in checks]
    assert sorted(re.findall(r"'(\w+)'", check)) == sorted(get_args(LISTS[column]))


async def test_every_text_column_is_of_a_list_or_free(pool: Any) -> None:
    """All but the counters, whose words come from facts."""
    found = await pool.fetch(
        "SELECT c.table_name, c.column_name FROM information_schema.columns AS c "
        "INNER JOIN information_schema.tables AS t USING (table_schema, table_name) "
        "WHERE c.table_schema = 'public' AND t.table_type = 'BASE TABLE' AND c.data_type = 'text' "
        "AND c.table_name NOT LIKE '%\\_counts' AND c.table_name <> 'ending_tenths'"
    )
    free = {f"{table}.{name}" for table, names in FREE.items() for name in names}
    assert {f"{row['table_name']}.{row['column_name']}" for row in found} == free | set(LISTS)
