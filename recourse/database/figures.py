"""Facts of the database that are worth an alarm, each asked by an index, in one statement."""

from dataclasses import dataclass

from recourse.database.access import Database


@dataclass(frozen=True)
class Figure:
    """One number. `sql` is a scalar that an index answers."""

    name: str
    meaning: str
    sql: str


FIGURES = (
    Figure(
        "recourse_open_orders",
        "Orders that have not closed.",
        "SELECT count(*) FROM orders WHERE closed_at IS NULL",
    ),
    Figure(
        "recourse_open_requests",
        "Requests that wait for an answer.",
        "SELECT count(*) FROM orders WHERE request_status = 'open'",
    ),
    Figure(
        "recourse_open_cases",
        "Cases in mediation, ruling or appeal.",
        "SELECT count(*) FROM orders WHERE case_stage IN ('mediation', 'ruling', 'appeal')",
    ),
    Figure(
        "recourse_overdue_cases",
        "Open cases whose due date is over.",
        "SELECT count(*) FROM orders WHERE case_stage IN ('mediation', 'ruling', 'appeal') AND case_due_at < now()",
    ),
    Figure(
        "recourse_stuck_orders",
        "Orders whose next clock ran out more than 5 minutes ago and was not decided.",
        "SELECT count(*) FROM orders WHERE next_clock_at < now() - interval '5 minutes'",
    ),
    Figure(
        "recourse_held_settlements",
        "Settlements that are held for their undo window.",
        "SELECT count(*) FROM orders WHERE settlement = 'held'",
    ),
    Figure(
        "recourse_failing_settlements",
        "Settlements whose payment did not succeed and is tried again.",
        "SELECT count(*) FROM orders WHERE settlement = 'retrying'",
    ),
    Figure(
        "recourse_blocked_payments",
        "Legs that the payment provider can never pay, until an operator decides.",
        "SELECT count(*) FROM payments WHERE status = 'blocked'",
    ),
    Figure(
        "recourse_returned_payments",
        "Legs that were paid and have come back, until an operator decides.",
        "SELECT count(*) FROM payments WHERE status = 'returned'",
    ),
    Figure(
        "recourse_payment_differences",
        "Differences between the payment providers' books and ours, as of the last comparison with each.",
        "SELECT coalesce(sum(differences), 0)::float8 FROM reconciliations",
    ),
    Figure(
        "recourse_oldest_reconciliation_seconds",
        "How long ago the oldest of these comparisons was; 0: no provider lists what it has moved.",
        "SELECT coalesce(extract(EPOCH FROM now() - min(ran_at)), 0)::float8 FROM reconciliations",
    ),
    Figure(
        "recourse_untaken_reports",
        "Reports of payment providers that came within the last 24 hours and no order took.",
        "SELECT count(*) FROM untaken_reports WHERE last_at > now() - interval '1 day'",
    ),
    Figure(
        "recourse_undelivered_notices",
        "Notices that were sent to a channel and not taken.",
        "SELECT count(*) FROM deliveries WHERE delivered_at IS NULL",
    ),
    Figure(
        "recourse_oldest_undelivered_notice_seconds",
        "How long ago the oldest of them, of those that are still tried, was written; 0: none.",
        "SELECT coalesce(extract(EPOCH FROM now() - min(n.written_at)), 0)::float8 FROM deliveries AS d "
        "INNER JOIN notices AS n ON n.id = d.notice_id "
        "WHERE d.delivered_at IS NULL AND n.written_at > now() - interval '7 days'",
    ),
    Figure(
        "recourse_statistics_behind_seconds",
        "How long ago the oldest facts that no counter has yet were written; 0: none wait.",
        "SELECT coalesce(extract(EPOCH FROM now() - min(since)), 0)::float8 FROM uncounted",
    ),
    Figure(
        "recourse_disabled_channels",
        "Channels on which nothing is sent, since their receiver answered 410 Gone.",
        "SELECT count(*) FROM held_channels WHERE channel IN ('webhook', 'mail') AND until IS NULL",
    ),
)
_ALL = "SELECT " + ", ".join(f'({figure.sql}) AS "{figure.name}"' for figure in FIGURES)


async def read_figures(pool: Database) -> dict[str, float]:
    """Every figure by its name, as of one instant."""
    row = await pool.fetchrow(_ALL)
    return dict(row)
