"""The policies that the searching tests run over: the presets, and what an operator might change in them."""

from typing import Any

from recourse.policies import PRESETS

# Each is a marketplace of its own; together they set every switch that changes how an order moves.
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    **{name: (name, {}) for name in PRESETS},
    "appeals": (
        "resolution_center",
        {"cases.appeal_window": "3d", "cases.fallback": "continue", "undo.by": ["client"], "undo.window": "24h"},
    ),
    "undo with consent": (
        "glimmer",
        {
            "undo.by": ["client", "freelancer"],
            "undo.consent": True,
            "requests.cancel.by": ["client", "freelancer"],
            "requests.cancel.silence.freelancer_asked": "accept",
        },
    ),
    "operator review": (
        "fiverr_guide",
        {
            "requests.cancel.operator_review": True,
            "requests.cancel.silence.client_asked": "lapse",
            "cases.appeal_window": "3d",
            "money.fee_back": "none",
        },
    ),
    "upwork with all": (
        "upwork",
        {
            "requests.kinds": ["cancel", "extension", "update", "partial_refund"],
            "requests.cancel.without_approval.freelancer": ["full_return"],
            "requests.cancel.without_approval.client": ["regret_window", "very_late"],
            "requests.cancel.cooldown": "24h",
            "requests.cancel.max_requests": 3,
            "requests.cancel.max_counters": 2,
            "requests.partial_refund.max_counters": 1,
            "order.regret_window": "2h",
            "order.late_grace": "12h",
            "order.max_revisions": 1,
            "cases.appeal_window": "3d",
            "undo.by": ["client", "freelancer"],
            "undo.window": "24h",
            "money.fee_back": "full",
            "scores.unpaid_silent": "excluded",
        },
    ),
    "strict": (
        "resolution_center",
        {
            "requests.cancel.silence.client_asked": "decline",
            "requests.cancel.silence.freelancer_asked": "lapse",
            "requests.extension.silence.client_asked": "accept",
            "requests.update.silence.freelancer_asked": "decline",
            "requests.partial_refund.silence.client_asked": "accept",
            "requests.partial_refund.silence.freelancer_asked": "decline",
            "requests.cancel.phases": ["in_progress", "delivered"],
            "requests.cancel.attestations": ["discussed"],
            "requests.cancel.max_requests": 2,
            "answers.pause": ["saturday", "sunday"],
            "answers.time_zone": "America/New_York",
            "cases.dialogue_required": True,
            "cases.fallback": "cancel_full_refund",
            "order.auto_complete": "never",
            "order.dormant_after": "10d",
            "reviews.public_after_cancel": "always",
            "notices.follow_up": "24h",
        },
    ),
    "hasty": (
        "glimmer",
        {
            "requests.cancel.window.freelancer_asked": "1s",
            "requests.cancel.window.client_asked": "1s",
            "requests.cancel.reminder": "never",
            "requests.cancel.silence.freelancer_asked": "accept",
            "order.auto_complete": "1s",
            "order.late_grace": "0h",
            "cases.rule_within": "1h",
            "cases.reminders": [],
            "cases.proposal_window": "1s",
            "requests.cancel.without_approval.client": ["very_late"],
        },
    ),
}

# Single keys to change at random on top of any of them.
MUTATIONS: dict[str, tuple[Any, ...]] = {
    "order.late_grace": ("0h", "24h", "never"),
    "order.auto_complete": ("1h", "72h", "never"),
    "order.max_revisions": (0, 1),
    "order.dormant_after": ("24h", "90d"),
    "answers.pause": ([], ["saturday", "sunday"]),
    "requests.kinds": (["cancel"], ["cancel", "extension", "update", "partial_refund"], ["update"]),
    "requests.cancel.by": (["client"], ["freelancer"], ["client", "freelancer"]),
    "requests.cancel.without_approval.client": ([], ["waiting_requirements", "very_late", "regret_window"]),
    "requests.cancel.without_approval.freelancer": ([], ["full_return", "very_late"]),
    "requests.cancel.silence.client_asked": ("accept", "decline", "escalate", "lapse"),
    "requests.cancel.silence.freelancer_asked": ("accept", "decline", "escalate", "lapse"),
    "requests.cancel.on_decline": ("go_on", "escalate"),
    "requests.cancel.operator_review": (False, True),
    "requests.cancel.cooldown": ("0h", "24h"),
    "requests.cancel.max_requests": (0, 1),
    "requests.cancel.max_counters": (0, 1),
    "requests.cancel.amount_from": ([], ["client"], ["client", "freelancer"]),
    "requests.cancel.pay_named_part_at_once": (False, True),
    "requests.cancel.no_agreement": (False, True),
    "undo.by": ([], ["client"], ["client", "freelancer"]),
    "undo.window": ("1h", "24h"),
    "undo.consent": (False, True),
    "cases.escalate_by": ([], ["client"], ["client", "freelancer"]),
    "cases.dialogue_required": (False, True),
    "cases.appeal_window": ("0h", "3d"),
    "cases.fallback": ("cancel_full_refund", "cancel_split", "continue"),
    "money.commission": ("0%", "12.5%", "100%"),
    "money.fee_back": ("pro_rata", "full", "none"),
    "scores.calculator": ("completion_rate", "job_success", "none"),
}
