"""The catch-all for mail: what is sent to it by SMTP can be looked at, and harms nobody."""

import sys
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import aiosmtplib
import httpx
import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

from observability.console.postbox import Postbox
from tests.integration.alerting.processes import Process
from tests.support.ports import free_port

ROOT = Path(__file__).parents[3]
HOSTILE = '<script>alert(1)</script><img src="https://elsewhere.example/seen.png">'


class Running:
    """The service, a client of its pages, and its SMTP port."""

    def __init__(self, folder: Path) -> None:
        port, self.smtp = free_port(), free_port()
        self.process = Process(
            sys.executable,
            *("-m", "uvicorn", "observability.console.postbox:app", "--port", str(port)),
            folder=folder,
            ready=f"http://127.0.0.1:{port}/readyz",
            environment={"BELFRY_PORT_MAIL_SMTP": str(self.smtp), "PYTHONPATH": str(ROOT)},
        )
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    found = Running(tmp_path)
    yield found
    found.http.close()
    found.process.stop()


def mail(subject: str, html: str) -> EmailMessage:
    """A mail in both forms."""
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = "belfry@localhost", "ops@example.org", subject
    made.set_content(f"As text: {subject}")
    made.add_alternative(html, subtype="html")
    return made


async def test_what_is_sent_is_listed_and_shown(running: Running) -> None:
    """Newest first, in both forms and as it came; text from outside is text."""
    assert "No mail yet" in running.http.get("/").text
    for subject in ("first", "<b>second</b>"):
        await aiosmtplib.send(mail(subject, HOSTILE), hostname="127.0.0.1", port=running.smtp)
    listed = running.http.get("/").text
    assert listed.index("&lt;b&gt;second") < listed.index("first")
    assert "<b>second" not in listed
    shown = running.http.get("/mails/1").text
    assert "As text: first" in shown
    assert "ops@example.org" in shown
    assert '<iframe src="/mails/1/html" sandbox=""' in shown
    assert HOSTILE in running.http.get("/mails/1/source").text
    assert running.http.get("/mails/3").status_code == 404
    assert running.http.get("/", headers={"Host": "evil.example"}).status_code == 421


async def test_a_mail_can_neither_run_nor_load_anything(running: Running) -> None:
    """Nor can its page: the policies say so to the browser."""
    await aiosmtplib.send(mail("x", HOSTILE), hostname="127.0.0.1", port=running.smtp)
    served = running.http.get("/mails/1/html")
    assert HOSTILE in served.text
    assert served.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    page = running.http.get("/mails/1").headers["content-security-policy"]
    assert page.startswith("default-src 'none'")
    assert "script-src" not in page


async def test_the_oldest_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """By their number, and by their size."""
    monkeypatch.setattr("observability.console.postbox._MOST_MAILS", 3)
    monkeypatch.setattr("observability.console.postbox._MOST_BYTES", 100)
    postbox = Postbox()
    for size in (1, 1, 1, 1, 60, 60):
        envelope = Envelope()
        envelope.content = b"x" * size
        await postbox.handle_DATA(SMTP(postbox), Session(None), envelope)  # type: ignore[arg-type]
    assert [one.number for one in postbox.newest_first()] == [6]
