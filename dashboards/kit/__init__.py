"""A small typed way to write dashboards: queries, panels, variables, one look."""
