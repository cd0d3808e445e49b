"""Long verbs in processes of their own, with a run directory that says how far they are."""
