"""Every page and every form, as each reader sees it, after each step of every scenario."""

import re
from collections.abc import Callable, Iterator, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import pytest
from starlette.requests import Request
from starlette.responses import Response

from recourse.database.erasing import Erased
from recourse.resolution.model.amounts import write_amount
from recourse.resolution.model.command import Actor
from recourse.resolution.model.display import Display
from recourse.resolution.model.order import Opening, Order
from recourse.resolution.model.record import Export, ExportedEntry, Reader
from recourse.resolution.shown.looking_ahead import WouldBeRefused
from recourse.starter.client import Recourse
from recourse.starter.reading import Orders, StoredOrder
from recourse.starter.simulate.engine import SALT, PureEngine, exported
from recourse.starter.simulate.play import READERS, Play
from recourse.starter.simulate.story import Story, StoryStep, read_story, stories_in
from recourse.web.access import Site
from recourse.web.pages import actions
from recourse.web.pages.app import make_pages
from recourse.web.pages.fields import Field
from recourse.web.pages.forms import Form
from recourse.web.pages.order_page import said
from recourse.web.pages.rendering import render
from recourse.web.pages.sessions import Session, signed_in
from recourse.web.tokens import Bearer
from tests.http.conftest import KEYS

# Of the scenarios, so that each of these tests is a short one.
PARTS = 6
SCENARIOS = Path(__file__).resolve().parent.parent / "scenarios"
# Elements that run on in their sentence; all others begin a line of their own.
_INLINE = frozenset(("a", "b", "code", "em", "script", "span", "strong", "time"))
_LEAKS = re.compile(
    r"\b\d+[smhd]\b|\bNone\b|\bTrue\b|\bFalse\b|[{}]|timedelta|datetime|<\w+ object|StrictUndefined|\bUTC[A-Za-z]"
)
_GLUED = re.compile(r"[a-z)][.!?;,][A-Za-z]|[a-z][A-Z]|\d(?:Until|over|less)|UTC\d|\s[.,;:!?](?:\s|$)")


class _Words(HTMLParser):
    """What a reader reads, line for line, and the values of attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.lines = [""]
        self.values: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.values += [value for name, value in attrs if value is not None]
        if tag not in _INLINE:
            self.lines.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag not in _INLINE:
            self.lines.append("")

    def handle_data(self, data: str) -> None:
        self.lines[-1] += data


def faults(html: str, theirs: Sequence[str]) -> list[str]:
    """What no page should say. `theirs` are the words of parties, which may say anything."""
    read = _Words()
    read.feed(html)
    # The style sheet shows each line break of these as it is, so the templates may add none.
    values = re.findall(r"<dd>(.*?)</dd>", html, re.DOTALL)
    found = [f"a line break in {value[:200]!r}" for value in values if re.search(r"^\s*\n|\n\s*$|\n\s*<|>\s*\n", value)]
    for line in [*(" ".join(line.split()) for line in read.lines), *read.values]:
        ours = line
        for text in theirs:
            ours = ours.replace(text, "…")
        ours = re.sub(r"https?://\S+", "…", ours)
        leak = _LEAKS.search(ours) or (_GLUED.search(ours) if line not in read.values else None)
        if leak:
            found.append(f"{leak.group()!r} in {line[:200]!r}")
    return found


def words_of(story: Story) -> list[str]:
    """The words that parties and operators say in a story, the longest first."""

    def texts(value: Any) -> Iterator[str]:
        if isinstance(value, str):
            yield value
            yield " ".join(value.split())
            # A page names the host of a link by itself.
            yield urlsplit(value).hostname or "" if value.startswith("https://") else ""
        elif isinstance(value, dict):
            for inner in value.values():
                yield from texts(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from texts(inner)

    sent = [one for step in story.steps for one in (*([step.sent] if step.sent else []), *step.together)]
    said = {
        *texts([one.fields for one in sent]),
        *(one.by for one in sent),
        *texts(story.terms.model_dump(mode="json")),
    }
    return sorted((text for text in said if re.search(r"[^\w-]|[A-Z]", text)), key=len, reverse=True)


def filled(field: Field) -> dict[str, list[str]]:
    """A value of a form's field as somebody may type it."""
    match field.shape:
        case "one":
            return {field.name: [field.usual or field.choices[0].value]}
        case "some":
            return {field.name: [choice.value for choice in field.choices]}
        case "money":
            most = field.bounds[1] if field.bounds else 0
            return {field.name: [write_amount(most, field.currency).split()[0]]}
        case "instant":
            return {field.name: ["2027-01-04 09:00"]}
        case "length":
            return {field.name: ["2"], f"{field.name}_unit": ["h"]}
        case _:
            known = {"sha256": "0" * 64, "address": "https://files.example/7"}
            return {field.name: [known.get(field.name, "So it is.")]}


class _Told(Orders):
    """The orders of one story, as its engine has them."""

    def __init__(self, engine: PureEngine) -> None:
        super().__init__(None, now=lambda: engine.now)
        self.engine = engine

    def order(self, order_id: str) -> StoredOrder:
        return _ToldOrder(self.engine)


class _ToldOrder(StoredOrder):
    def __init__(self, engine: PureEngine) -> None:
        super().__init__(None, engine.rules.order.terms.order_id, lambda: engine.now)
        self.engine = engine

    async def state(self) -> Order:
        return self.engine.rules.order

    async def erased(self) -> list[Erased]:
        return []

    async def display(self) -> Display:
        return Display(title="Logo", client_name="Ben")

    async def entries(self, order: Order, reader: Reader, *, before: int | None, limit: int) -> list[ExportedEntry]:
        document = exported(order, await self.engine.record(), reader)
        return list(Export.model_validate(document).entries)[-limit:]


class _Looking(Play):
    """A story at which all of its readers look after each step."""

    def __init__(self, story: Story) -> None:
        engine = PureEngine(Opening(terms=story.terms, policy=story.policy, record_salt=SALT, provider=story.provider))
        super().__init__(story, engine)
        self.pure = engine
        self.site = Site(
            recourse=cast(Recourse, _Told(engine)), keys=KEYS, policies={}, now=lambda: engine.now, patience=1
        )
        self.pages = make_pages(self.site)
        self.theirs = words_of(story)
        self.seen: set[tuple[str, str]] = set()
        self.shown = 0
        self.found: list[str] = []

    async def _step(self, step: StoryStep) -> None:
        await super()._step(step)
        await self.look(f"{self.story.id}:{step.position}")

    async def look(self, where: str) -> None:
        case = self.pure.rules.order.case
        ruled = case.ruling.operator if case and case.ruling else None
        for reader in READERS:
            for holder in {self._id(reader), *([ruled] if reader == "operator" and ruled else [])}:
                await self._read(f"{where} {reader} {holder}", reader, holder)

    def _id(self, reader: Reader) -> str:
        return "op-9" if reader == "operator" else self.story.terms.model_dump()[reader]

    async def _read(self, where: str, reader: Reader, holder: str) -> None:
        order_id, request = self.story.terms.order_id, self._request(reader, holder)
        known = signed_in(request)
        page = await said(self.site, order_id, known, reader)
        self._look_at(where, lambda: render(request, "order.html", **page, done=False))
        actor = Actor(role=reader, id=holder)
        currency, phase = self.story.terms.currency, page["order"].phase
        visit = actions.Visit(request, self.site, known, order_id, reader, actor, page["called"], currency, phase)
        for form in page["forms"]:
            if (form.key, repr(form)) not in self.seen:
                self.seen.add((form.key, repr(form)))
                await self._fill_in(visit, f"{where} {form.key}", form)

    async def _fill_in(self, visit: actions.Visit, where: str, form: Form) -> None:
        """Look at a form as it is at first, when nothing was typed, and at what it leads to once it is filled in."""
        self._look_at(where, lambda: visit.show(form, form.empty(), {}))
        self._look_at(where, lambda: visit.show(form, {}, form.read({})[1], notice="Try again."))
        typed = {**form.empty(), **{name: value for field in form.fields for name, value in filled(field).items()}}
        fields, wrong = form.read(typed)
        assert wrong == {}
        ahead = await self.site.recourse.order(visit.order_id).preview(form.command, {**fields, "actor": visit.actor})
        if isinstance(ahead, WouldBeRefused):
            assert ahead.refused not in ("malformed", "unknown_command"), (where, ahead)
            self._look_at(where, lambda: actions.refused(visit, form, typed, ahead.refused, ahead.details))
            return
        self._look_at(where, lambda: actions._preview(visit, form, typed, ahead, changed=True))
        self._look_at(where, lambda: actions._preview(visit, form, typed, ahead, status=503, stands_still=True))

    def _request(self, reader: Reader, holder: str) -> Request:
        request = Request({"type": "http", "root_path": "/pages", "headers": [], "app": self.pages})
        request.state.session = Session("s-1", Bearer(role=reader, id=holder), "0" * 64)
        return request

    def _look_at(self, where: str, shown: Callable[[], Response]) -> None:
        self.shown += 1
        try:
            html = bytes(shown().body).decode()
        except Exception as error:  # noqa: BLE001 - each is a page that answers 500
            self.found.append(f"{where}: {type(error).__name__}: {error}")
            return
        self.found += [f"{where}: {fault}" for fault in faults(html, self.theirs)]


@pytest.mark.parametrize("part", range(PARTS))
async def test_every_page_of_every_scenario_can_be_read(part: int) -> None:
    found, shown = [], 0
    for path in stories_in([SCENARIOS])[part::PARTS]:
        story = read_story(path)
        if story.only == "temporal":
            continue
        play = _Looking(story)
        await play.run()
        found += play.found
        shown += play.shown
    assert found == []
    assert shown > 1000


@pytest.mark.parametrize(
    ("html", "found"),
    [
        ("<p>It is over.It moves on</p>", "r.I"),
        ("<p><span>Late</span><span>Mediation</span></p>", "eM"),
        ("<p>The reason is None</p>", "None"),
        ('<a href="orders/None">See</a>', "None"),
        ("<p>1 day, {name}</p>", "{"),
        ("<p>datetime.timedelta(days=3)</p>", "datetime"),
        ("<p>It ends on Tue 4 Mar 2025, 11:00 UTC2 days left</p>", "UTC2"),
    ],
)
def test_what_no_page_should_say_is_found(html: str, found: str) -> None:
    assert [fault.split("'")[1] for fault in faults(html, ())] == [found]


def test_what_a_party_says_is_its_own_affair() -> None:
    assert faults("<p>He said: {None}.And so on</p><p>It is <b>over</b>. It moves on</p>", ["{None}.And so on"]) == []
