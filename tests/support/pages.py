"""A browser without a screen: opens pages, follows links, fills in and sends forms."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any, Self

import httpx

PASSWORD = "correct horse battery"


@dataclass
class Form:
    """A form of a page with the values its fields have."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.links: list[str] = []
        self.metas: list[dict[str, str]] = []
        self.words: list[str] = []
        self._form: Form | None = None
        self._select: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._form = Form(given.get("action", ""), given.get("method", "get"))
            self.forms.append(self._form)
        elif tag == "a":
            self.links.append(given.get("href", ""))
        elif tag == "meta":
            self.metas.append(given)
        elif self._form is not None:
            self._field(self._form, tag, given)

    def _field(self, form: Form, tag: str, given: dict[str, str]) -> None:
        chosen = given.get("type") != "radio" or "checked" in given
        if tag == "input" and chosen:
            form.fields[given["name"]] = given.get("value", "")
        elif tag == "select":
            self._select = given["name"]
        elif tag == "option" and self._select and "selected" in given:
            form.fields[self._select] = given["value"]

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        elif tag == "select":
            self._select = None

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.words.append(" ".join(data.split()))


class Page:
    """What a browser has open."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self.status = response.status_code
        self.path = response.url.raw_path.decode()
        reader = _Reader()
        reader.feed(response.text)
        self.forms = reader.forms
        self.links = reader.links
        self.metas = reader.metas
        self.text = " ".join(reader.words)

    def form(self, action: str) -> Form:
        """The form that is sent to an address."""
        found = [form for form in self.forms if form.action == action and form.method == "post"]
        assert found, f"no form for {action} on {self.path}: {[f.action for f in self.forms]}"
        return found[0]


class Browser:
    """Keeps cookies and follows redirects, as a browser does."""

    def __init__(self, url: str) -> None:
        self.http = httpx.Client(base_url=url, follow_redirects=True, timeout=20)

    def open(self, path: str, **options: Any) -> Page:
        """Open an address."""
        return Page(self.http.get(path, **options))

    def send(self, page: Page, action: str, **values: str) -> Page:
        """Fill in a form of the page and send it."""
        return self.post(action, page.form(action).fields | values)

    def post(self, action: str, fields: dict[str, str]) -> Page:
        """Send fields, whether or not a page has such a form."""
        return Page(self.http.post(action, data=fields))

    def sign_up(self, email: str, password: str = PASSWORD) -> Page:
        """Make an account and be signed in."""
        page = self.open("/sign-up")
        return self.send(page, "/sign-up", name="Ada Bell", email=email, password=password)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.http.close()
