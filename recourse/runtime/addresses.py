"""E-mail addresses: one of them, and nothing that could become a header or a second receiver."""

import unicodedata
from email.errors import MessageError
from email.headerregistry import Address
from email.utils import unquote

import idna

from recourse.errors import BadInput

LONGEST = 320  # characters: 64 before the sign, 255 behind it
_WRONG = "not one e-mail address such as name@example.com"
_DOTS = ": a dot before the @ must stand between other letters"


class UnusableAddress(BadInput, ValueError):
    """A text that is not one e-mail address; the sentence does not repeat it."""


def read_address(text: str) -> Address:
    """One address, `name@domain`, as a mail server takes it. Raises UnusableAddress for anything else.

    Letters of any script are taken. A domain becomes ASCII (`xn--…`), as every mail server and the domain name system
    know it. A name stays as it is; it needs a mail server that knows SMTPUTF8. Some carriers have given out names with
    a dot at an end or two in a row: no mail standard knows them, so they are none.
    """
    # The standard library reads addresses strictly, but ASCII only; at some texts it trips over its own feet.
    plain = "".join("x" if _foreign(letter) else letter for letter in text[: LONGEST + 1])
    try:
        read = Address(addr_spec=plain)
    except (ValueError, IndexError, AttributeError, TypeError, MessageError):
        read = Address()
    fits = read.username and read.domain and read.addr_spec == plain and len(text) <= LONGEST and text.isprintable()
    if not fits:
        name = plain.rpartition("@")[0]
        raise UnusableAddress(f"{_WRONG}{_DOTS if '' in name.split('.') and name else ''}")
    if text.isascii():
        return read
    name, _, domain = text.rpartition("@")
    try:
        # Where a domain is ASCII it stays as it is, with signs that idna does not know.
        known = domain if domain.isascii() else idna.encode(domain, uts46=True).decode()
    except UnicodeError:
        raise UnusableAddress(_WRONG) from None
    return Address(username=unquote(name), domain=known)


def read_sender(text: str) -> Address:
    """The same, perhaps with a name in front: `Market <orders@market.example>`. Raises UnusableAddress."""
    name, bracket, rest = text.rpartition("<")
    if not bracket:
        return read_address(text)
    name = name.strip().removeprefix('"').removesuffix('"').strip()
    if not rest.endswith(">") or len(name) > 100 or not name.isprintable() or set(name) & set('<>"'):
        raise UnusableAddress(f"{_WRONG}, or Market <name@example.com>")
    address = read_address(rest[:-1])
    return Address(display_name=name, username=address.username, domain=address.domain)


def _foreign(letter: str) -> bool:
    # Vowels of some scripts are marks, not letters.
    return not letter.isascii() and (letter.isalnum() or unicodedata.category(letter).startswith("M"))
