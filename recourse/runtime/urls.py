"""Addresses of servers, as settings name them. What is said of a wrong one repeats nothing of it; it may be secret."""

import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple
from urllib.parse import unquote

import idna

_LABEL = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"(?=.{{1,254}}\Z){_LABEL}(\.{_LABEL})*\.?", re.ASCII | re.IGNORECASE)
_FOUR_NUMBERS = re.compile(r"[0-9]+(\.[0-9]+){3}")
_PORT = re.compile(r"[0-9]{1,5}")
_HINT = "write signs such as / # ? @ in a user or password as %2F %23 %3F %40"


class Url(NamedTuple):
    """An address in its parts. `host` is a name in ASCII or an IP address, without brackets."""

    scheme: str
    user: str | None
    password: str | None
    host: str
    port: int | None
    # With its query.
    path: str


def read_url(text: str, *schemes: str, user: bool = True, path: bool = True, query: bool = True) -> Url:
    """An address of one of these schemes; with a `user`, a `path` and a `query` only where they are allowed.

    Raises ValueError, with what is wrong and how to write it.
    """
    try:
        url = _read(text, schemes, user=user, path=path)
        if "?" in url.path and not query:
            raise ValueError("a ? is in it")
    except ValueError as error:
        whole = f"{schemes[0]}://{'user:password@' if user else ''}host:port{'/path' if path else ''}"
        raise ValueError(f"{error}; write {whole}{f', and {_HINT}' if user else ''}") from None
    return url


def read_origin(text: str) -> str:
    """The origin of a web page, as browsers write it: `https://market.example`. Raises ValueError."""
    url = read_url(text, "https", "http", user=False, path=False)
    if url.path:
        raise ValueError("a / is behind its host; write https://host:port")
    host = f"[{url.host}]" if ":" in url.host else url.host.lower()
    return f"{url.scheme}://{host}{f':{url.port}' if url.port else ''}"


def _read(text: str, schemes: Sequence[str], *, user: bool, path: bool) -> Url:
    if not text.isprintable() or " " in text:
        raise ValueError("a blank or a control character is in it")
    scheme, separator, rest = text.partition("://")
    if not separator or scheme.lower() not in schemes:
        raise ValueError(f"it does not begin with {' or '.join(f'{known}://' for known in schemes)}")
    authority, behind = _parted(rest)
    login, at, place = authority.rpartition("@")
    if not at and "@" in behind:
        raise ValueError("an @ is behind its host")
    if "#" in behind or (behind not in ("", "/") and not path):
        raise ValueError("something is behind its host and port" if not path else "a # is behind its host")
    if at and not user:
        raise ValueError("a user is in it")
    name, colon, password = login.partition(":")
    if at and not name:
        raise ValueError("a password without a user is in it" if password else "nothing is before its @")
    host, port = _place(place)
    return Url(
        scheme.lower(), _decoded(name) if at else None, _decoded(password) if colon else None, host, port, behind
    )


def _parted(rest: str) -> tuple[str, str]:
    end = re.search(r"[/?#]|\Z", rest)
    assert end is not None
    return rest[: end.start()], rest[end.start() :]


def _place(text: str) -> tuple[str, int | None]:
    """Host and port."""
    host, bracket, behind = text.rpartition("]")
    if not bracket:
        host, colon, port = text.partition(":")
        host = _host(host)
    else:
        colon, port = behind[:1], behind[1:]
        host = _ipv6(host)
    if colon not in ("", ":") or (colon and not (_PORT.fullmatch(port) and 1 <= int(port) <= 65535)):
        raise ValueError("its port is no number from 1 to 65535")
    return host, int(port) if colon else None


def _host(text: str) -> str:
    if not text:
        raise ValueError("it has no host")
    if text.startswith("["):
        raise ValueError("the bracket of its host is not closed")
    try:
        host = text if text.isascii() else idna.encode(text.lower()).decode()
        if _FOUR_NUMBERS.fullmatch(host):
            IPv4Address(host)
    except ValueError:
        host = ""
    if not _NAME.fullmatch(host):
        raise ValueError("its host is neither a name nor an IP address (version 6 in brackets)")
    return host


def _ipv6(text: str) -> str:
    try:
        host = IPv6Address(text.removeprefix("["))
    except ValueError:
        host = None
    if host is None or host.scope_id or not text.startswith("["):
        raise ValueError("between the brackets of its host is no IP address of version 6")
    return str(host)


def _decoded(text: str) -> str:
    try:
        plain = unquote(text, errors="strict")
    except UnicodeError:
        plain = "\x00"
    if not plain.isprintable():
        raise ValueError("what a %.. in its user or password stands for is no text")
    return plain


def read_listener(text: str) -> tuple[str, int]:
    """IP address and port of this machine to listen on, `127.0.0.1:8090` or `[::1]:8090`. Raises ValueError."""
    host, _, port = text.rpartition(":")
    try:
        bare = host[1:-1] if host[:1] + host[-1:] == "[]" else host
        if (ip_address(bare).version == 6) == (bare != host) and _PORT.fullmatch(port) and int(port) <= 65535:
            return bare, int(port)
    except ValueError:
        pass
    raise ValueError("not an IP address and a port such as 127.0.0.1:8090 or [::1]:8090")
