"""The verbs as shell commands."""
