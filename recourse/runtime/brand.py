"""Whose pages and mails these are: the marketplace's name, logo, colour, and where its own pages begin."""

import re
from dataclasses import dataclass

_COLOR = re.compile(r"#[0-9a-fA-F]{6}")
# What texts, links and buttons stand on, in the two schemes of pages and mails.
LIGHT, DARK = "#ffffff", "#1a212b"
ENOUGH = 4.5  # the contrast that WCAG 2.2 AA asks for


@dataclass(frozen=True)
class Brand:
    """Empty where the marketplace says nothing. `language`: that of mails, and of pages where no other is wanted."""

    name: str = ""
    logo: str = ""
    color: str = ""
    home_url: str = ""
    language: str = "en"

    @property
    def shades(self) -> tuple[str, str]:
        """Its colour in the light and the dark scheme, moved towards black or white until it can be read there."""
        return _readable_on(self.color, LIGHT, "#000000"), _readable_on(self.color, DARK, "#ffffff")

    @property
    def css(self) -> str:
        """The style sheet that gives pages its colour."""
        if not self.color:
            return ""
        light, dark = self.shades
        return (
            f":root {{ --strong: {light}; --strong-over: {_mixed(light, '#000000', 0.25)}; --on-strong: {LIGHT}; }}\n"
            f"@media (prefers-color-scheme: dark) {{ :root {{ --strong: {dark}; "
            f"--strong-over: {_mixed(dark, '#ffffff', 0.35)}; --on-strong: {DARK}; }} }}\n"
        )


def read_color(text: str) -> str:
    """A colour as style sheets write it. Raises ValueError."""
    if not _COLOR.fullmatch(text):
        raise ValueError("is not a colour such as #1d4f91")
    return text.lower()


def contrast(one: str, other: str) -> float:
    """How well two colours stand out from each other, from 1 to 21, as WCAG counts it."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _readable_on(color: str, ground: str, towards: str) -> str:
    return next(shade for step in range(101) if contrast(shade := _mixed(color, towards, step / 100), ground) >= ENOUGH)


def _mixed(color: str, other: str, share: float) -> str:
    parts = zip(_channels(color), _channels(other), strict=True)
    return "#" + "".join(f"{round(one + (two - one) * share):02x}" for one, two in parts)


def _channels(color: str) -> list[int]:
    return [int(color[at : at + 2], 16) for at in (1, 3, 5)]


def _luminance(color: str) -> float:
    shares = (channel / 255 for channel in _channels(color))
    red, green, blue = (share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
