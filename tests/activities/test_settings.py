"""What a worker is told by its environment: every mistake in one sentence, and no secret in any."""

import pytest

from activities.settings import BadSettings, read_settings
from worker import channels_of

SECRET = "whsec_" + "c2VjcmV0" * 5
NAMES = (
    "DATABASE_URL",
    "RECOURSE_DATABASE_URL",
    "RECOURSE_TASK_QUEUE",
    "RECOURSE_WEBHOOK_URL",
    "RECOURSE_WEBHOOK_SECRET",
    "RECOURSE_SMTP_URL",
    "RECOURSE_MAIL_FROM",
    "RECOURSE_OPERATOR_EMAIL",
    "RECOURSE_PAYMENT_PROVIDERS",
)


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("empty", [False, True])
def test_nothing_needs_to_be_set(monkeypatch: pytest.MonkeyPatch, empty: bool) -> None:
    for name in NAMES if empty else ():
        monkeypatch.setenv(name, "")
    settings = read_settings()
    assert (settings.database_url, settings.task_queue, channels_of(settings)) == ("", "recourse", [])


async def test_channels_are_those_that_are_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECOURSE_WEBHOOK_URL", "https://market.example/hooks")
    monkeypatch.setenv("RECOURSE_WEBHOOK_SECRET", f"{SECRET} {SECRET}")
    monkeypatch.setenv("RECOURSE_SMTP_URL", "smtps://user:word@mail.example")
    monkeypatch.setenv("RECOURSE_MAIL_FROM", "orders@market.example")
    monkeypatch.setenv("RECOURSE_OPERATOR_EMAIL", "ops@market.example")
    channels = channels_of(read_settings())
    assert [channel.name for channel in channels] == ["webhook", "mail"]
    assert channels[0].receivers({}) == dict.fromkeys(
        ("client", "freelancer", "operator"), "https://market.example/hooks"
    )
    assert channels[1].receivers({"client": "c@x.example"}) == {
        "client": "c@x.example",
        "operator": "ops@market.example",
    }
    for channel in channels:
        await channel.close()


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("RECOURSE_WEBHOOK_URL", "market.example/hooks", "RECOURSE_WEBHOOK_URL: "),
        (
            "RECOURSE_WEBHOOK_URL",
            "https://market.example",
            "RECOURSE_WEBHOOK_SECRET is not: webhooks are always signed",
        ),
        ("RECOURSE_WEBHOOK_SECRET", "hunter2!", "RECOURSE_WEBHOOK_SECRET: secret 1 is not base64"),
        ("RECOURSE_SMTP_URL", "mail.example:25", "RECOURSE_SMTP_URL: "),
        ("RECOURSE_MAIL_FROM", "a@x.example, b@x.example", "RECOURSE_MAIL_FROM: not one e-mail address"),
        ("RECOURSE_OPERATOR_EMAIL", "ops", "RECOURSE_OPERATOR_EMAIL: not one e-mail address"),
    ],
)
def test_a_mistake_is_named_with_its_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(BadSettings, match=says) as refused:
        read_settings()
    assert "hunter2" not in str(refused.value)
