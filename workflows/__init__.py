"""The verbs, as Python functions: what the shell and the App call too."""
