"""Doorways from the App: a form, a call, a message."""
