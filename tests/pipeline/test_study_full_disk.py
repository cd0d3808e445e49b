"""A full disk ends a study at once; a file that cannot be read fails its training alone."""

import errno
from types import SimpleNamespace

import pytest
from curadiff.common.errors import DiskFull, EnvironmentFault, RunError
from curadiff.studies.study_work import StudyWork
from pymongo.errors import AutoReconnect


def work_on(fault):
    """Do one training that raises; return the failures that are noted."""

    def start(_):
        raise fault

    work = StudyWork.__new__(StudyWork)
    work.failures, work.progress = {}, False
    work.config = SimpleNamespace(parallel=1)
    worker = SimpleNamespace(start=start, meter=SimpleNamespace(fail=lambda _: None))
    work._do(SimpleNamespace(key="random-s0"), [], worker, None)
    return work.failures


NO_LEASE = RunError("could not open a lease: full")
NO_LEASE.__cause__ = OSError(errno.ENOSPC, "full")


@pytest.mark.parametrize(
    ("fault", "raised"),
    [
        (DiskFull("could not write x", "x"), DiskFull),
        (NO_LEASE, RunError),
        (OSError(errno.ENOSPC, "full"), EnvironmentFault),
        (OSError(errno.EDQUOT, "full"), EnvironmentFault),
        (AutoReconnect("lost"), EnvironmentFault),
    ],
)
def test_what_ends_every_training_ends_the_study(fault, raised):
    with pytest.raises(raised):
        work_on(fault)


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO])
def test_an_image_that_cannot_be_read_fails_its_training_alone(number):
    fault = OSError(number, "", "/photos/7.jpg")
    assert work_on(fault) == {"random-s0": fault}
