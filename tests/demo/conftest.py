import pytest
from curadiff import demo


@pytest.fixture(scope="session")
def drawn(tmp_path_factory):
    """A drawn data set of a hundred people, at half size."""
    return demo.render(tmp_path_factory.mktemp("demo") / "d", people=100, test=12, size=(96, 128))
