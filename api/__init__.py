"""The verbs for scripts and shells."""
