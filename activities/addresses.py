"""E-mail addresses: one of them, and nothing that could become a header or a second receiver."""

from email.errors import MessageError
from email.headerregistry import Address

LONGEST = 320  # characters: 64 before the sign, 255 behind it


def read_address(text: str) -> Address:
    """One address, `name@domain`. Raises ValueError, with a sentence that does not repeat it, for anything else.

    Letters of any script are taken; they need a mail server that knows SMTPUTF8.
    """
    # The standard library reads addresses strictly, but ASCII only.
    plain = "".join("x" if letter.isalnum() and not letter.isascii() else letter for letter in text)
    try:
        read = Address(addr_spec=plain)
    except (ValueError, IndexError, MessageError):
        read = Address()
    if not read.username or not read.domain or read.addr_spec != plain or len(text) > LONGEST:
        raise ValueError("not one e-mail address such as name@example.com")
    if plain == text:
        return read
    name, _, domain = text.rpartition("@")
    return Address(username=name, domain=domain)
