"""A study as one page, and as figures of the App's panel."""
