"""Recourse over HTTP: an API for backends, and pages for the two parties and for operators.

Everything that is done here goes through `recourse.Recourse`; no rule lives here.
"""

from recourse.extras import require

require("backend", "web")
