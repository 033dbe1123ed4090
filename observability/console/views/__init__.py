"""The views: one module each, registered by `observability.console.app`."""
