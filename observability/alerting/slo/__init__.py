"""Service level objectives: one file a service says what it promises its users."""

from observability.alerting.slo.model import EVERY_OTHER, KINDS, Objective, Spec, load

__all__ = ["EVERY_OTHER", "KINDS", "Objective", "Spec", "load"]
