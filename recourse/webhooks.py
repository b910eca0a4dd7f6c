"""For receivers of notices: whether a webhook is genuine."""

from recourse.extras import require

require("webhooks")

from recourse.activities.webhook import BadSignature, verify_webhook

__all__ = ["BadSignature", "verify_webhook"]
