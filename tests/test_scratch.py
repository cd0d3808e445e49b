"""The tests' own folder: room for the database, or one sentence instead of many failures."""

from types import SimpleNamespace

from . import conftest


def test_a_full_disk_or_memory_is_said_before_the_database_dies_of_it(monkeypatch):
    disk, memory = SimpleNamespace(free=3 * 10**9), SimpleNamespace(available=2 * 10**9)
    monkeypatch.setattr("shutil.disk_usage", lambda folder: disk)
    monkeypatch.setattr("psutil.virtual_memory", lambda: memory)
    assert conftest.room(conftest.MEMORY / "here") == memory.available  # what the disk has is more
    assert conftest.room(conftest.ROOT) == disk.free
    assert conftest.shortage(conftest.LEAST_ROOM) == ""
    assert "100 MB can still be written in" in conftest.shortage(10**8)
