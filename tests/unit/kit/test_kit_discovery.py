"""Finding instances without a registry."""

import pytest

from services.kit.discovery import DnsResolver, Instance, resolver_for
from services.kit.settings import SettingsError


async def test_a_list_of_urls_is_that_many_instances() -> None:
    """Slashes at the end do not matter."""
    resolver = resolver_for("http://a:1/, http://b:2")
    assert await resolver.instances("any") == [Instance("http://a:1"), Instance("http://b:2")]


async def test_a_name_is_as_many_instances_as_it_has_addresses() -> None:
    """Each address once."""
    resolver = resolver_for("dns://localhost:8002")
    found = await resolver.instances("catalog")
    assert Instance("http://127.0.0.1:8002") in found
    assert len(found) == len(set(found))


async def test_a_name_that_resolves_no_more_keeps_its_last_addresses() -> None:
    """The name server being away is no reason to call nobody."""
    resolver = DnsResolver("localhost", 8002, ttl=0)
    before = await resolver.instances("catalog")
    resolver._host = "no-such-host.invalid"
    assert await resolver.instances("catalog") == before
    assert await DnsResolver("no-such-host.invalid", 1).instances("x") == []


@pytest.mark.parametrize(
    "url", ["", "catalog:8002", "ftp://a", "dns://catalog", "http://a,dns://b:1"]
)
def test_a_url_of_no_known_form_is_refused(url: str) -> None:
    """The message shows the forms there are."""
    with pytest.raises(SettingsError, match="use http://HOST:PORT"):
        resolver_for(url)
