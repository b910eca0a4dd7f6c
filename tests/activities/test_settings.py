"""What a worker is told by its environment: every mistake in one sentence, and no secret in any."""

import contextlib

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recourse.runtime.settings import BadSettings, read_settings
from recourse.runtime.temporal_connection import connect
from recourse.runtime.urls import read_listener, read_origin, read_url
from recourse.web.settings import read_frame_ancestors
from recourse.worker import channels_of
from tests.http.test_serving import run

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
    "RECOURSE_WEB_URL",
    "RECOURSE_TEMPORAL_UI_URL",
    "RECOURSE_METRICS_ADDRESS",
    "RECOURSE_HEALTH_ADDRESS",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
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
        ("RECOURSE_MAIL_REPLY_TO", "Help <help>", "RECOURSE_MAIL_REPLY_TO: not one e-mail address"),
        ("RECOURSE_BRAND_COLOR", "blue", "RECOURSE_BRAND_COLOR: is not a colour such as #1d4f91"),
        (
            "RECOURSE_BRAND_LOGO",
            "http://market.example/logo.png",
            "RECOURSE_BRAND_LOGO: it does not begin with https://",
        ),
        ("RECOURSE_HOME_URL", "market.example", "RECOURSE_HOME_URL: it does not begin with https://"),
    ],
)
def test_a_mistake_is_named_with_its_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(BadSettings, match=says) as refused:
        read_settings()
    assert "hunter2" not in str(refused.value)


def test_templates_that_cannot_be_used_are_named_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECOURSE_SMTP_URL", "smtps://mail.example")
    monkeypatch.setenv("RECOURSE_MAIL_TEMPLATES", "/nowhere")
    with pytest.raises(
        BadSettings, match="RECOURSE_MAIL_TEMPLATES: /nowhere cannot be read: No such file or directory"
    ):
        channels_of(read_settings())


# How each setting that holds an address begins, and what says that it cannot be used.
BEGINNINGS = {
    "RECOURSE_WEBHOOK_URL": "https://",
    "RECOURSE_SMTP_URL": "smtp://",
    "RECOURSE_WEB_URL": "https://",
    "RECOURSE_TEMPORAL_UI_URL": "https://",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "http://",
    "HTTP_PROXY": "http://",
    "TEMPORAL_ADDRESS": "",
    "RECOURSE_FRAME_ANCESTORS": "https://",
    "RECOURSE_METRICS_ADDRESS": "",
    "RECOURSE_HEALTH_ADDRESS": "",
    "RECOURSE_MAIL_FROM": "",
    "RECOURSE_OPERATOR_EMAIL": "",
}


async def use(name: str) -> None:
    """Read a setting as the programs do. Raises BadSettings."""
    if name == "RECOURSE_FRAME_ANCESTORS":
        read_frame_ancestors()
    elif name == "TEMPORAL_ADDRESS":
        await connect(lazy=True)
    else:
        for channel in channels_of(read_settings()):
            await channel.close()


WRONG = [
    ("{}user:hunter2/b3+x=@mail.example:587", "an @ is behind its host"),
    ("{}user:123/hunter2@mail.example:587", "an @ is behind its host"),
    ("{}user:hunter2#x@mail.example", "an @ is behind its host"),
    ("{}user:hunter2?x@mail.example", "an @ is behind its host"),
    ("{}hunter2.example:99999", "its port is no number from 1 to 65535"),
    ("{}hunter2.example:0", "its port is no number from 1 to 65535"),
    ("{}hunter2.example:", "its port is no number from 1 to 65535"),
    ("{}hunter2.example:١٢", "its port is no number from 1 to 65535"),
    ("{}hunter2:b:25", "its port is no number from 1 to 65535"),
    ("{}[::1", "the bracket of its host is not closed"),
    ("{}[hunter2]", "between the brackets of its host is no IP address of version 6"),
    ("{}[::1%hunter2]:25", "between the brackets of its host is no IP address of version 6"),
    ("{}x[::1]:25", "between the brackets of its host is no IP address of version 6"),
    ("{}[::1]hunter2", "its port is no number from 1 to 65535"),
    ("{}hunter2.example /hook", "a blank or a control character is in it"),
    ("{}hunter2.example\n", "a blank or a control character is in it"),
    ("{}hunter2\u00a0.example", "a blank or a control character is in it"),
    ("{}", "it has no host"),
    ("{}:25", "it has no host"),
    ("{}hunter2..example", "its host is neither a name nor an IP address"),
    ("{}hunter2%40.example", "its host is neither a name nor an IP address"),
    ("{}" + "h" * 64 + ".hunter2.example", "its host is neither a name nor an IP address"),
    ("{}256.1.1.1", "its host is neither a name nor an IP address"),
    ("{}a;hunter2", "its host is neither a name nor an IP address"),
    ("ftp://hunter2.example", "it does not begin with"),
]
LOGINS = [
    ("{}:hunter2@mail.example", "a password without a user is in it"),
    ("{}@mail.hunter2", "nothing is before its @"),
    ("{}user:%FFhunter2@mail.example", "what a %.. in its user or password stands for is no text"),
    ("{}user:hunter2%0D%0A@mail.example", "what a %.. in its user or password stands for is no text"),
]
ALONE = [
    ("RECOURSE_SMTP_URL", "smtp://hunter2.example/path", "something is behind its host and port"),
    ("RECOURSE_SMTP_URL", "smtp://hunter2.example?tls=1", "something is behind its host and port"),
    ("RECOURSE_WEBHOOK_URL", "https://hunter2.example/x#y", "a # is behind its host"),
    ("RECOURSE_WEB_URL", "https://hunter2.example/x?y", "a ? is in it"),
    ("RECOURSE_WEB_URL", "https://user:hunter2@market.example", "a user is in it"),
    ("TEMPORAL_ADDRESS", "https://user:hunter2@temporal.example:7233", "a user is in it"),
    ("TEMPORAL_ADDRESS", "hunter2.example:7233/x", "something is behind its host and port"),
    (
        "RECOURSE_FRAME_ANCESTORS",
        "https://market.example https://hunter2.example/",
        "number 2 is not an origin: a / is",
    ),
    ("RECOURSE_METRICS_ADDRESS", "hunter2.example:9464", "not an IP address and a port such as"),
    ("RECOURSE_HEALTH_ADDRESS", "127.0.0.1:99999", "not an IP address and a port such as"),
    ("RECOURSE_HEALTH_ADDRESS", "999.0.0.1:80", "not an IP address and a port such as"),
    ("RECOURSE_HEALTH_ADDRESS", "::1:80", "not an IP address and a port such as"),
    ("HTTP_PROXY", "socks5://user:hunter2@proxy.example", "it does not begin with http:// or https://"),
]


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        *((name, value.format(BEGINNINGS[name]), says)
          for name in ("RECOURSE_WEBHOOK_URL", "RECOURSE_SMTP_URL", "OTEL_EXPORTER_OTLP_ENDPOINT", "HTTP_PROXY")
          for value, says in (*WRONG, *LOGINS)),
        *((name, value.format(BEGINNINGS[name]), says)
          for name in ("RECOURSE_WEB_URL", "TEMPORAL_ADDRESS") for value, says in WRONG if value.format("")),
        *ALONE,
    ],
)  # fmt: skip
async def test_an_address_that_cannot_be_used_is_named_in_a_sentence_without_it(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str
) -> None:
    monkeypatch.setenv("RECOURSE_WEBHOOK_URL", "https://market.example")
    monkeypatch.setenv("RECOURSE_WEBHOOK_SECRET", SECRET)
    monkeypatch.setenv(name, value)
    with pytest.raises(BadSettings) as refused:
        await use(name)
    sentence = str(refused.value)
    assert sentence.startswith(f"{name}: ")
    assert says in sentence
    assert "hunter2" not in sentence
    if name in ("RECOURSE_WEBHOOK_URL", "RECOURSE_SMTP_URL"):
        assert "%2F %23 %3F %40" in sentence
    # A program that does not expect it must not show it either.
    assert refused.value.__cause__ is None


@pytest.mark.parametrize(
    ("program", "setting"),
    [
        ("worker", "RECOURSE_SMTP_URL"),
        ("worker", "RECOURSE_WEBHOOK_URL"),
        ("serve", "RECOURSE_SMTP_URL"),
        ("outbox list", "RECOURSE_WEBHOOK_URL"),
    ],
)
async def test_every_program_ends_at_its_start_with_the_sentence(program: str, setting: str) -> None:
    status, out, err = await run(
        "recourse",
        *program.split(),
        DATABASE_URL="postgresql://x@127.0.0.1:9/x",
        RECOURSE_WEBHOOK_SECRET=SECRET,
        RECOURSE_TOKEN_KEYS="k1=" + "A" * 43 + "=",
        **{setting: f"{BEGINNINGS[setting]}user:AKIA/b3+x=@mail.example:587"},
    )
    assert status == 2
    assert f"{setting}: an @ is behind its host" in " ".join(err.split())
    assert "AKIA" not in out + err
    assert "Traceback" not in err


@pytest.mark.parametrize("name", BEGINNINGS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(
    text=st.text(st.characters(exclude_characters="\0")) | st.text(st.sampled_from("smtp:/[]@#?%.1a é2"), max_size=30)
)
async def test_any_text_works_or_is_refused_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str
) -> None:
    for value in (text, BEGINNINGS[name] + text, f"{BEGINNINGS[name]}user:hunter2{text}@mail.example"):
        with monkeypatch.context() as environment, contextlib.suppress(UnicodeEncodeError):
            environment.setenv("RECOURSE_WEBHOOK_URL", "https://market.example")
            environment.setenv("RECOURSE_WEBHOOK_SECRET", SECRET)
            environment.setenv(name, value)
            sentence = f"{name}: "
            try:
                await use(name)
            except BadSettings as refused:
                sentence = str(refused)
            assert sentence.startswith(f"{name}: ")
            assert "hunter2" not in sentence
            assert sentence.isprintable()


@given(text=st.text(st.sampled_from("htps:/[]@#?%.1a-_é2"), max_size=30) | st.text())
def test_what_is_read_is_what_its_clients_take(text: str) -> None:
    with contextlib.suppress(ValueError):
        read = read_url(f"https://{text}", "https")
        request = httpx2.Request("POST", f"https://{text}")
        assert (request.url.raw_host.decode(), request.url.port) == (
            read.host.lower(),
            None if read.port == 443 else read.port,
        )
    with contextlib.suppress(ValueError):
        host, port = read_listener(text)
        assert text in (f"{host}:{port}", f"[{host}]:{port}")
    with contextlib.suppress(ValueError):
        assert read_origin(read_origin(text)) == read_origin(text)
