"""Answers by HTTP's caching rules."""

import pytest
from starlette.requests import Request

from services.gateway.cache import Answer, cached_response

ANSWER = Answer(body='{"a":1}', etag='"abc"', age=2.6)


def respond(if_none_match: str | None) -> tuple[int, dict[str, str], bytes]:
    headers = [(b"if-none-match", if_none_match.encode())] if if_none_match is not None else []
    request = Request({"type": "http", "headers": headers})
    response = cached_response(request, ANSWER, "public, max-age=3")
    return response.status_code, dict(response.headers), bytes(response.body)


@pytest.mark.parametrize("tag", ['"abc"', 'W/"abc"', '"x", "abc"', "*"])
def test_a_known_answer_is_not_sent_again(tag: str) -> None:
    status, headers, body = respond(tag)
    assert (status, body) == (304, b"")
    assert headers["etag"] == '"abc"'
    assert headers["cache-control"] == "public, max-age=3"


@pytest.mark.parametrize("tag", [None, '"other"', "abc", ""])
def test_an_unknown_answer_is_sent_with_its_tag_and_age(tag: str | None) -> None:
    status, headers, body = respond(tag)
    assert (status, body) == (200, b'{"a":1}')
    assert headers["etag"] == '"abc"'
    assert headers["age"] == "2"
    assert headers["content-type"] == "application/json"
