"""The SLO specs: of services that exist, with limits that the histograms can answer."""

import tomllib
from pathlib import Path

import pytest

from observability.alerting.profiles import PROFILES, Profile
from observability.alerting.slo import EVERY_OTHER, KINDS, Spec, load
from observability.alerting.slo.document import PATH, text
from observability.instrumentation.metrics import DURATION_BUCKETS

ROOT = Path(__file__).parents[3]
SERVICES = set(tomllib.loads((ROOT / "belfry.toml").read_text(encoding="utf-8"))["services"])
SPECS = pytest.mark.parametrize("spec", load(), ids=lambda spec: spec.service)


def test_every_service_that_answers_requests_has_a_spec() -> None:
    """The worker answers none; its promise is the freshness of checkout's orders."""
    named = {spec.service for spec in load()}
    assert named == (SERVICES - {"worker"}) | {EVERY_OTHER}


@SPECS
def test_a_limit_of_latency_is_a_bucket_of_the_histogram(spec: Spec) -> None:
    """Any other has no series, and its promise would seem to be broken always."""
    if spec.latency is not None:
        assert spec.latency.seconds in DURATION_BUCKETS


@SPECS
def test_each_promise_becomes_counts_of_one_kind(spec: Spec) -> None:
    """Of this service alone; the default leaves out those with a file of their own."""
    found = spec.objectives(("cart", "catalog"))
    assert {one.kind for one in found} <= set(KINDS)
    for one in found:
        assert one.budget == pytest.approx(1 - one.objective)
        expected = '!~"cart|catalog"' if spec.service == EVERY_OTHER else f'="{spec.service}"'
        assert f"service_name{expected}" in one.events
        assert f"service_name{expected}" in one.bad


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
def test_both_profiles_have_the_same_tiers(profile: Profile) -> None:
    """14.4 and 6 page, 3 and 1 make a ticket."""
    assert [(burn.factor, burn.page) for burn in profile.burns] == [
        (14.4, True),
        (6, True),
        (3, False),
        (1, False),
    ]


def test_the_page_that_people_read_is_that_of_the_specs() -> None:
    """docs/slos.md is generated with the rules."""
    assert PATH.read_text(encoding="utf-8") == text()
