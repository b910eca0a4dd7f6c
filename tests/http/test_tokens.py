"""Tokens of machines whose clocks differ from ours."""

from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import httpx2
import jwt
import pytest

from recourse.web.tokens import BadToken, Bearer, Purpose, read_token
from tests.http.conftest import KEYS, SECRET

CLIENT = Bearer(role="client", id="c-1")


def made(purpose: str = "recourse-api", **seconds: int) -> str:
    """A token whose instants lie so many seconds ahead of our clock; `exp` is in an hour."""
    now = datetime.now(UTC)
    instants = {name: now + timedelta(seconds=ahead) for name, ahead in {"exp": 3600, **seconds}.items()}
    claims: dict[str, Any] = {"aud": purpose, "role": "client", "sub": "c-1", **instants}
    return jwt.encode(claims, SECRET, "HS256", headers={"kid": "test"})


@pytest.mark.parametrize("purpose", get_args(Purpose))
@pytest.mark.parametrize(
    "seconds", [{"iat": 2}, {"iat": 3600}, {"nbf": 2}, {"nbf": 45, "iat": 45}, {"exp": -45}], ids=repr
)
def test_a_clock_that_differs_a_little_is_no_forgery(purpose: Purpose, seconds: dict[str, int]) -> None:
    assert read_token(KEYS, made(purpose, **seconds), purpose).bearer == CLIENT


@pytest.mark.parametrize("purpose", get_args(Purpose))
@pytest.mark.parametrize("seconds", [{"nbf": 120}, {"exp": -61}], ids=repr)
def test_a_token_that_is_not_good_yet_or_any_more_is_refused(purpose: Purpose, seconds: dict[str, int]) -> None:
    with pytest.raises(BadToken):
        read_token(KEYS, made(purpose, **seconds), purpose)


async def test_the_api_takes_a_token_that_says_when_it_was_made(http: httpx2.AsyncClient) -> None:
    answer = await http.get("/orders", headers={"Authorization": f"Bearer {made(iat=5, nbf=5)}"})
    assert answer.status_code == 200
