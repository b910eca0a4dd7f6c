"""What templates say: the functions of the texts for Jinja. A catalogue brings no markup; only the template does."""

from typing import Any

from jinja2 import pass_eval_context
from jinja2.nodes import EvalContext
from markupsafe import Markup, escape

from recourse.wording.languages import direction, language, say


@pass_eval_context
def _say(context: EvalContext, message: str, /, **values: Any) -> str:
    return filled(say(message), **values) if context.autoescape else say(message, **values)


def filled(text: str, /, **values: Any) -> Markup:
    """A text as markup, with values, which are escaped where they are not markup."""
    # An apostrophe does no harm in a text, nor within the double quotes of an attribute.
    safe = Markup(str(escape(text)).replace("&#39;", "'"))  # noqa: S704 - it is escaped
    return safe.format(**values) if values else safe


FUNCTIONS = {"say": _say, "language": language, "direction": direction}
