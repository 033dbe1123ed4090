"""What the shop's services share: settings, database, HTTP, sign-in, caches and faults."""
