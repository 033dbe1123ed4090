"""Evidence: what a person would look up first, gathered at the moment an alert fires."""
