"""Exact selection over several processes, each with a part of the rows."""
