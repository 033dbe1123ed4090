"""Receivers are set by variables, checked at the start, and their secrets never repeated."""

from pathlib import Path

import pytest

from observability.alerting.receivers.settings import Hook, Mail, load_notify
from observability.exits import UsageError
from observability.settings import load_settings

MAIL = {
    "BELFRY_NOTIFY_MAIL_KIND": "smtp",
    "BELFRY_NOTIFY_MAIL_HOST": "127.0.0.1",
    "BELFRY_NOTIFY_MAIL_TO": "ops@example.org, dev@example.org",
}


def test_a_receiver_has_a_name_a_kind_and_a_filter() -> None:
    """Of `CHAT` and `CHAT_DEV`, a variable belongs to the one whose name is longer."""
    found = load_notify(
        MAIL
        | {
            "BELFRY_NOTIFY_MAIL_SEVERITY": "critical",
            "BELFRY_NOTIFY_CHAT_KIND": "slack",
            "BELFRY_NOTIFY_CHAT_URL": "http://chat/a",
            "BELFRY_NOTIFY_CHAT_DEV_KIND": "slack",
            "BELFRY_NOTIFY_CHAT_DEV_URL": "http://chat/b",
            "BELFRY_NOTIFY_REPORT_AFTER": "60",
        }
    )
    assert [one.name for one in found.receivers] == ["chat", "chat_dev", "mail"]
    mail = found.receivers[2]
    assert isinstance(mail, Mail)
    assert mail.to == ("ops@example.org", "dev@example.org")
    assert mail.severity == ("critical",)
    assert found.report_after == 60


def test_a_secret_may_be_in_a_file(tmp_path: Path) -> None:
    """Its end of line is not part of it; it is shown nowhere."""
    file = tmp_path / "key"
    file.write_text("geheim\n")
    found = load_notify(
        {
            "BELFRY_NOTIFY_H_KIND": "webhook",
            "BELFRY_NOTIFY_H_URL": "http://h/",
            "BELFRY_NOTIFY_H_SECRET_FILE": str(file),
        }
    )
    [hook] = found.receivers
    assert isinstance(hook, Hook)
    assert hook.secret is not None
    assert hook.secret.get_secret_value() == "geheim"
    assert "geheim" not in repr(found)
    assert hook.scrubbed("it said geheim at http://h/") == "it said [hidden] at [hidden]"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"BELFRY_NOTIFY_MAIL_KIND": "pigeon"}, "BELFRY_NOTIFY_MAIL_KIND: one of smtp, slack"),
        ({"BELFRY_NOTIFY_MAIL_HOTS": "x"}, "did you mean BELFRY_NOTIFY_MAIL_HOST"),
        ({"BELFRY_NOTIFY_MAIL_HOST": ""}, "BELFRY_NOTIFY_MAIL_HOST: field required"),
        ({"BELFRY_NOTIFY_MAIL_PORT": "many"}, "BELFRY_NOTIFY_MAIL_PORT: input should be"),
        ({"BELFRY_NOTIFY_MAIL_SEVERITY": "loud"}, "BELFRY_NOTIFY_MAIL_SEVERITY: input should be"),
        ({"BELFRY_NOTIFY_MAIL_PASSWORD_FILE": "/none"}, "cannot read /none: No such file"),
        ({"BELFRY_NOTIFY_CHAT_URL": "http://x"}, "set BELFRY_NOTIFY_<NAME>_KIND to one of"),
        ({"BELFRY_NOTIFY_REPORT_AFTER": "-1"}, "BELFRY_NOTIFY_REPORT_AFTER: input should be"),
        (
            {"BELFRY_NOTIFY_C_KIND": "slack", "BELFRY_NOTIFY_C_URL": "hooks/geheim"},
            "BELFRY_NOTIFY_C_URL: must begin with http",
        ),
    ],
)
def test_a_wrong_setting_is_named_in_one_line(changes: dict[str, str], said: str) -> None:
    """With what to do; a value that may be a secret is not repeated."""
    with pytest.raises(UsageError) as refused:
        load_notify(MAIL | changes)
    assert said in str(refused.value)
    assert "geheim" not in str(refused.value)


def test_every_command_checks_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """`belfry up` ends with exit code 2 before anything starts."""
    monkeypatch.setenv("BELFRY_NOTIFY_MAIL_KIND", "pigeon")
    with pytest.raises(UsageError, match="BELFRY_NOTIFY_MAIL_KIND"):
        load_settings()
