"""Addresses of a PostgreSQL: what they name, without their password."""

import os
from dataclasses import dataclass
from typing import Self
from urllib.parse import parse_qsl, unquote, urlsplit

# A setting of the driver, which takes it in no address. PostgreSQL would refuse it as a setting of the session.
CACHE = "statement_cache_size"
# What may hold an @ behind the host.
_SECRET = ("user", "password", "passfile", "sslpassword", CACHE)
_PORT = "5432"


class Unreadable(ValueError):
    """An address that cannot be read. The text says what is wrong, and repeats nothing of the address."""


@dataclass(frozen=True)
class Address:
    """Where a database is: `postgresql://user:password@host:port,host:port/name?setting=value`.

    `dsn` is what the driver reads. `hosts` are all that it tries, in its order: host or folder of a socket, and port.
    They are none where only a service file knows them. `prepares`: whether statements may be prepared and kept, which
    no pooler in transaction mode lets us do.
    """

    dsn: str
    hosts: tuple[tuple[str, int], ...]
    place: str
    prepares: bool = True

    @classmethod
    def read(cls, text: str) -> Self:
        """Raises Unreadable."""
        try:
            parts = urlsplit(text)
        except ValueError:
            raise Unreadable("it is no address") from None
        if parts.scheme not in ("postgresql", "postgres"):
            raise Unreadable("it does not begin with postgresql://")
        try:
            query = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
        except ValueError:
            raise Unreadable("what follows the ? is not a list such as name=value&name=value") from None
        behind = parts.path + parts.fragment + "".join(value for key, value in query if key not in _SECRET)
        # The driver takes what follows the first @ for the host. A password with such a sign would be half of it.
        if parts.netloc.count("@") > 1 or "@" in behind:
            raise Unreadable("a sign in it ends a part of it too early")
        given = dict(query)
        cache = given.get(CACHE)
        if cache not in (None, "0"):
            raise Unreadable(f"{CACHE} can only be 0, which is for poolers in transaction mode")
        ours = [part for part in parts.query.split("&") if not part.startswith(f"{CACHE}=")]
        hosts = _hosts(parts.netloc.rpartition("@")[2], given)
        service = given.get("service") or os.environ.get("PGSERVICE")
        database = given.get("dbname") or given.get("database") or ""
        database = unquote(parts.path).removeprefix("/") or database or os.environ.get("PGDATABASE", "")
        named = ", ".join(f"{host}:{port}" for host, port in hosts) or f"service {service}"
        return cls(
            dsn=parts._replace(query="&".join(ours)).geturl() if cache else text,
            hosts=hosts,
            place=f"{named}/{database}" if database else named,
            prepares=cache is None,
        )


def _hosts(netloc: str, query: dict[str, str]) -> tuple[tuple[str, int], ...]:
    """The hosts by the driver's own rules. Raises Unreadable."""
    text, ports, quoted = netloc, [], bool(netloc)
    if not text:
        ports = [port for port in query.get("port", "").split(",") if port]
        text = query.get("host") or ""
        if not text and (query.get("service") or os.environ.get("PGSERVICE")):
            return ()
        text = text or os.environ.get("PGHOST") or "localhost"
    named = [_host(part, quoted=quoted) for part in text.split(",")]
    usual = os.environ.get("PGPORT", _PORT).split(",")
    if len(usual) == 1:
        usual *= len(named)
    ports = ports or [port or other for (_, port), other in zip(named, usual, strict=False)]
    if not quoted and len(ports) == 1:
        ports *= len(named)
    if len(ports) != len(named):
        raise Unreadable(f"it names {len(named)} hosts and {len(ports)} ports")
    if not all(port.isascii() and port.isdigit() and 0 < int(port) < 65536 for port in ports):
        raise Unreadable("a port is no number from 1 to 65535, or a sign ends a part of it too early")
    return tuple((host, int(port)) for (host, _), port in zip(named, ports, strict=True))


def _host(part: str, *, quoted: bool) -> tuple[str, str]:
    """Host and port, the port empty where none is given. Raises Unreadable."""
    if part.startswith("/"):
        return part, ""
    if part.startswith("["):
        host, closed, rest = part[1:].partition("]")
        if not closed or rest[:1] not in ("", ":"):
            raise Unreadable("an IPv6 address is not written as [address]:port")
        return host, rest[1:]
    host, _, port = part.partition(":")
    return (unquote(host), unquote(port)) if quoted else (host, port)
