"""`belfry drill`: each scenario of `scenarios.toml` is played on the live stack.

A fault is made, its alert must arrive in the inbox in time with a trace and log lines that tell of
it, no other may disturb anybody, and once the fault is gone the alert must end.
"""
