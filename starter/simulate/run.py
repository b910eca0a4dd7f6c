"""Playing many stories on one engine or both, and what came of each."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Self

from recourse.resolution.model.order import Opening, Order
from recourse.starter.simulate.engine import SALT, NotExpressible, PureEngine
from recourse.starter.simulate.play import Differs, Play
from recourse.starter.simulate.story import EngineName, Story, StoryError, read_story

AT_ONCE = 12  # stories on the Temporal server at the same time
TRIES = 10  # of a story that a busy machine could not play within its seconds; the later ones have it to themselves


@dataclass(frozen=True)
class Result:
    """What came of one story on one engine; `why` in words where it could not be played.

    `expected` and `actual` are those of the first difference. `order` and `record`, the operator's export, are as the
    story left them.
    """

    path: str
    id: str
    title: str
    engine: EngineName
    outcome: Literal["ok", "FAILED", "not expressible"]
    line: int | None = None
    key: str | None = None
    expected: Any = None
    actual: Any = None
    why: str | None = None
    differences: tuple[Mapping[str, Any], ...] = ()
    order: Order | None = field(default=None, repr=False)
    record: Mapping[str, Any] | None = field(default=None, repr=False)

    @property
    def sentence(self) -> str:
        """One line for people."""
        head = f"{self.engine:8} {self.id}: {self.title}"
        match self.outcome:
            case "ok":
                return f"ok              {head}"
            case "not expressible":
                return f"not expressible {head}: {self.why}"
            case "FAILED":
                return "\n    ".join([f"FAILED          {head}", *self._wrong()])

    def _wrong(self) -> Iterator[str]:
        if self.why:
            yield f"{self.path}:{self.line}: {self.why}"
        for one in self.differences:
            found = f"expected {_short(one['expected'])}, actual {_short(one['actual'])}"
            yield f"{self.path}:{one['line']}: {one['key']}: {found}"

    def as_json(self, *, shown: bool = False) -> dict[str, Any]:
        """The same for programs; the record only where it is `shown`."""
        left_out = {"order"} if shown else {"order", "record"}
        return {key: value for key, value in vars(self).items() if value not in (None, ()) and key not in left_out}


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 300 else f"{text[:300]}…"


def unreadable(path: Path, error: StoryError, engine: EngineName) -> Result:
    """The result of a file that is no story."""
    return Result(str(path), path.stem, "cannot be read", engine, "FAILED", line=error.line, why=error.reason)


async def play(
    paths: Sequence[Path], engines: Sequence[EngineName], *, on_my_servers: bool = False
) -> AsyncIterator[Result]:
    """Play every story on every engine that it is for; results come in the order of `paths` and `engines`.

    `on_my_servers`: on the servers that the environment names.
    """
    stories: list[Story | tuple[Path, StoryError]] = []
    for path in paths:
        try:
            stories.append(read_story(path))
        except StoryError as error:
            stories.append((path, error))
    readable = [story for story in stories if isinstance(story, Story)]
    on_temporal = [story for story in readable if "temporal" in engines and story.only in (None, "temporal")]
    async with AsyncExitStack() as stack:
        playing = await stack.enter_async_context(_Temporal(on_temporal, on_my_servers)) if on_temporal else None
        for story in stories:
            for engine in engines:
                if not isinstance(story, Story):
                    yield unreadable(*story, engine)
                elif story.only not in (None, engine):
                    continue
                elif engine == "pure":
                    yield await _on_pure(story)
                elif playing is not None:
                    yield await playing.result(story)


async def _on_pure(story: Story) -> Result:
    opening = Opening(terms=story.terms, policy=story.policy, record_salt=SALT, provider=story.provider)
    return await _result(Play(story, PureEngine(opening)), "pure")


async def _result(played: Play, engine: EngineName) -> Result:
    story = played.story
    try:
        await played.run()
    except Differs as found:
        differences = tuple(
            {
                "line": story.line(*one.where),
                "key": ".".join(str(part) for part in one.where),
                "expected": one.expected,
                "actual": one.actual,
            }
            for one in found.differences
        )
        failed = Result(str(story.path), story.id, story.title, engine, "FAILED", differences=differences)
        return await _left(replace(failed, **differences[0]), played)
    except NotExpressible as reason:
        return Result(str(story.path), story.id, story.title, engine, "not expressible", why=str(reason))
    return await _left(Result(str(story.path), story.id, story.title, engine, "ok"), played)


async def _left(result: Result, played: Play) -> Result:
    return replace(result, order=await played.engine.order(), record=await played.exported())


class _Temporal:
    """Stories under way on the Temporal server: many at once, and alone those that the machine was too slow for."""

    def __init__(self, stories: Sequence[Story], on_my_servers: bool) -> None:
        self._on_my_servers = on_my_servers
        self._tasks: dict[Path, asyncio.Task[Result]] = {}
        self._places = asyncio.Semaphore(AT_ONCE)
        self._alone = asyncio.Lock()
        self._crowd_gone = asyncio.Event()
        self._in_crowd = len(stories)
        self._stories = stories

    async def __aenter__(self) -> Self:
        from recourse.starter.simulate import temporal  # a pure run should not load the Temporal SDK

        self._exits = AsyncExitStack()
        await self._exits.__aenter__()
        self._stage = await self._exits.enter_async_context(temporal.stage(on_my_servers=self._on_my_servers))
        self._tasks = {story.path: asyncio.create_task(self._play(story)) for story in self._stories}
        return self

    async def __aexit__(self, *error: object) -> None:
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        await self._exits.aclose()

    async def result(self, story: Story) -> Result:
        """What came of `story`, when it is over."""
        return await self._tasks[story.path]

    async def _play(self, story: Story) -> Result:
        async with self._places:
            result = await self._try(story)
            self._in_crowd -= 1
            if self._in_crowd == 0:
                self._crowd_gone.set()
        if isinstance(result, Result):
            return result
        await self._crowd_gone.wait()
        async with self._alone:
            for _ in range(TRIES - 1):
                result = await self._try(story)
                if isinstance(result, Result):
                    return result
        why = f"this machine was too slow to play it, {TRIES} times: {result}"
        return Result(str(story.path), story.id, story.title, "temporal", "FAILED", line=1, why=why)

    async def _try(self, story: Story) -> Result | Exception:
        from recourse.starter.simulate import temporal

        shift = temporal.shift_of(story, datetime.now(UTC))
        engine = temporal.TemporalEngine(self._stage, story, shift)
        try:
            await engine.start()
            return await _result(Play(story, engine, shift=shift), "temporal")
        except temporal.TooSlow as slow:
            return slow
        except TimeoutError:
            why = f"nothing happened for {temporal.PATIENCE / 60:.0f} minutes"
            return Result(str(story.path), story.id, story.title, "temporal", "FAILED", line=1, why=why)


def closing_line(results: Sequence[Result]) -> str:
    """`N passed, N failed, N not expressible`."""
    count = {outcome: sum(result.outcome == outcome for result in results) for outcome in ("ok", "FAILED")}
    other = len(results) - sum(count.values())
    return f"{count['ok']} passed, {count['FAILED']} failed, {other} not expressible"
