"""What no error text of the command line may hold."""

import re

# Rust's and Python's own words, and what only programs read.
INTERNALS = re.compile(
    r"::|\w+Error|\w+Failure|Traceback|\[?Errno|Input should|\bNone\b|[\[{(]'|\^\[|requires an argument|`problems`"
)
