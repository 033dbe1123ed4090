"""Mail: plain text, and HTML with the figure's chart drawn in it."""

from __future__ import annotations

from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from html import escape

import aiosmtplib

from observability.alerting.evidence.chart import svg
from observability.alerting.receivers import message as said
from observability.alerting.receivers.message import Message
from observability.alerting.receivers.sending import TIMEOUT_SECONDS, RefusedError, SendingError
from observability.alerting.receivers.settings import Mail

_PERMANENT = 500
_REFUSING = (
    aiosmtplib.SMTPDataError,
    aiosmtplib.SMTPRecipientsRefused,
    aiosmtplib.SMTPSenderRefused,
)


class MailSender:
    """Sends each message by a connection of its own."""

    def __init__(self, receiver: Mail) -> None:
        self._receiver = receiver

    async def send(self, message: Message) -> None:
        """Send the mail; see `Sender`."""
        receiver = self._receiver
        password = receiver.password.get_secret_value() if receiver.password else None
        try:
            await aiosmtplib.send(
                compose(message, receiver),
                hostname=receiver.host,
                port=receiver.port,
                username=receiver.user,
                password=password,
                use_tls=receiver.tls == "tls",
                start_tls=receiver.tls == "starttls",
                timeout=TIMEOUT_SECONDS,
            )
        except _REFUSING as error:
            raise _meaning(error) from None
        except aiosmtplib.SMTPException as error:
            raise SendingError(str(error) or type(error).__name__) from None
        except OSError as error:
            raise SendingError(error.strerror or type(error).__name__) from None

    async def close(self) -> None:
        """There is nothing to close."""


def compose(message: Message, receiver: Mail) -> EmailMessage:
    """The mail; all mails of an incident are one thread."""
    domain = receiver.sender.partition("@")[2]
    thread = f"<{message.incident}@{domain}>"
    mail = EmailMessage()
    mail["Subject"] = " ".join(message.title.split())
    mail["From"] = Address("Belfry", addr_spec=receiver.sender)
    mail["To"] = ", ".join(receiver.to)
    mail["Date"] = format_datetime(message.at)
    mail["Message-ID"] = make_msgid(domain=domain)
    mail["References"] = thread
    mail["In-Reply-To"] = thread
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(said.text(message))
    mail.add_alternative(html(message), subtype="html")
    return mail


def html(message: Message) -> str:
    """The message as HTML without anything to load; all text from outside is escaped."""
    found = message.evidence
    chart = svg(found.figure) if found and found.figure else ""
    links = said.ways(found) if found else []
    anchors = " · ".join(f'<a href="{escape(to)}">{escape(name)}</a>' for name, to in links)
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"></head>'
        '<body style="font-family:sans-serif;max-width:48em">'
        f"<h2>{escape(message.title)}</h2>{chart}<p>{anchors}</p>"
        f'<pre style="white-space:pre-wrap">{escape(said.text(message))}</pre></body></html>'
    )


def _meaning(error: aiosmtplib.SMTPException) -> SendingError:
    """A code of 500 and above is final, one of 400 and above is not."""
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        codes = [one.code for one in error.recipients]
        reason = "; ".join(f"{one.code} {one.message}" for one in error.recipients)[:300]
    else:
        code = getattr(error, "code", 0)
        codes, reason = [code], f"{code} {getattr(error, 'message', error)}"[:300]
    final = bool(codes) and min(codes) >= _PERMANENT
    return RefusedError(reason) if final else SendingError(reason)
