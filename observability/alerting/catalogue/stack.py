"""Alerts on the observability stack itself: who watches, must be watched."""

from observability.alerting.spec import Alert, Profile, Severity, Team, label


def alerts(profile: Profile) -> list[Alert]:
    """The alerts of this group, tuned by `profile`."""
    return [_backend_down(profile), _watchdog()]


def _backend_down(profile: Profile) -> Alert:
    return Alert(
        name="BackendDown",
        expr='up{job="backends"} == 0',
        hold=profile.down_for,
        severity=Severity.CRITICAL,
        team=Team.PLATFORM,
        summary=f"{label('service_name')} of the observability stack is down",
        description=(
            f"{label('instance')} has not answered a scrape for at least {profile.down_for}:"
            " customers are not hurt, but what it would show or store is missing until it returns."
        ),
        dashboard="stack",
    )


def _watchdog() -> Alert:
    return Alert(
        name="Watchdog",
        expr="vector(1)",
        hold=None,
        severity=Severity.NONE,
        team=Team.PLATFORM,
        summary="Alerting works",
        description=(
            "Always fires. While it arrives, the path from rule to receiver is whole;"
            " when it stops arriving, no other alert can be trusted to arrive."
        ),
        dashboard="stack",
    )
