"""Pages from templates, and what is put into each of them."""

import hashlib
import uuid
from importlib import resources
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from recourse.database.erasing import Erased
from recourse.evidence.kinds import ENDINGS, LARGEST
from recourse.resolution.model.display import order_name
from recourse.resolution.model.durations import parse_duration
from recourse.resolution.model.fields import visible
from recourse.resolution.model.zones import read_zone
from recourse.resolution.shown.money_words import leg_named, payee
from recourse.web.access import Site
from recourse.web.pages.sessions import ZONE_COOKIE, Session, session
from recourse.wording import reader, texts
from recourse.wording.english import as_words, capital, word
from recourse.wording.languages import LANGUAGES, language
from recourse.wording.templates import FUNCTIONS, filled

_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
STATIC = {
    file.name: file.read_bytes()
    for file in resources.files("recourse.web.pages").joinpath("static").iterdir()
    if file.name.rpartition(".")[2] in _TYPES
}
# In the address, so that a browser may keep a file for as long as it likes.
_VERSIONS = {name: hashlib.sha256(content).hexdigest()[:12] for name, content in STATIC.items()}
_KEPT = {"Cache-Control": "public, max-age=31536000, immutable"}
# Made of the marketplace's colour.
BRAND_CSS = "brand.css"


def longer(length: str) -> str:
    """A duration of a view, such as `3d`, in words."""
    return reader.span(parse_duration(length))


def _address(name: str) -> str:
    return f"static/{name}?v={_VERSIONS[name]}"


def _shown(value: Any) -> Any:
    """What a page shows of a value: in a text nothing hides. Only `as_it_is` is left alone."""
    return visible(value, lines=True) if type(value) is str else value


def _size(count: int) -> str:
    """A size in bytes, as people read it."""
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{max(1, round(count / 1e3))} kB"


def _foreign(text: str) -> Markup:
    """A text that others wrote, whose direction does not turn what stands around it."""
    return Markup("<bdi>{}</bdi>").format(visible(text))


def _in_address(text: str) -> str:
    return quote(text, safe="")


def _erased_named(one: Erased) -> str:
    """What was erased, and whose it was."""
    whose = texts("role", "noun")
    return texts("erased", "what")[one.what].format(whose=reader.listed([whose[party] for party in one.whose]))


environment = Environment(
    loader=PackageLoader("recourse.web.pages"),
    autoescape=True,
    undefined=StrictUndefined,
    # A line break in a template is a blank on the page, also behind a tag of the template.
    trim_blocks=False,
    lstrip_blocks=True,
    finalize=_shown,
)
environment.filters |= {
    "amount": reader.amount,
    "percent": reader.percent,
    "written": reader.instant,
    "capital": capital,
    "filled": filled,
    "plain": as_words,
    "sentence": lambda code: capital(as_words(code)),
    "in_address": _in_address,
    "foreign": _foreign,
    "size": _size,
    # For a field that is sent back.
    "as_it_is": escape,
}
environment.globals |= {
    **FUNCTIONS,
    "static": _address,
    "left": reader.left,
    "longer": longer,
    "new_id": lambda: uuid.uuid4().hex,
    "endings": ",".join(f".{ending}" for ending in ENDINGS),
    "largest": LARGEST,
    "order_name": order_name,
    "texts": texts,
    "word": word,
    "leg_named": leg_named,
    "payee": payee,
    "erased_named": _erased_named,
}


def zone_of(request: Request) -> str:
    """The time zone that the reader has chosen; empty where none, or none that is known."""
    chosen = request.cookies.get(ZONE_COOKIE, "")
    try:
        read_zone(chosen)
    except ValueError:
        return ""
    return chosen


def site_of(request: Request) -> Site:
    """What this server works with."""
    site: Site = request.app.state.site
    return site


def _switch(request: Request) -> dict[str, tuple[str, str]]:
    """The addresses of this page in the other languages, each with the name of its language; none after a form."""
    others = {code: name for code, name in LANGUAGES.items() if code != language()}
    if request.scope.get("method") != "GET":
        return {}
    return {code: (name, f"?{request.url.include_query_params(lang=code).query}") for code, name in others.items()}


def render(request: Request, template: str, /, status: int = 200, **said: Any) -> HTMLResponse:
    """One page."""
    site = site_of(request)
    known: Session | None = session(request)
    request.state.pictures = list[str]()
    chosen = zone_of(request)
    text = environment.get_template(template).render(
        base=request.scope["root_path"],
        session=known,
        chosen_zone=chosen,
        zone=chosen or "UTC",
        now=site.now(),
        languages=_switch(request),
        show_picture=request.state.pictures.append,
        brand=site.brand,
        brand_css=f"static/{BRAND_CSS}?v={site.brand.color.removeprefix('#')}",
        **said,
    )
    return HTMLResponse(text, status)


async def static(request: Request) -> Response:
    """A style sheet, script or picture."""
    name = request.path_params["name"]
    if name == BRAND_CSS:
        return Response(site_of(request).brand.css, media_type="text/css", headers=_KEPT)
    if name not in STATIC:
        return Response(status_code=404)
    return Response(STATIC[name], media_type=_TYPES[name.rpartition(".")[2]], headers=_KEPT)
