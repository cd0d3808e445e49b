import torch
from curadiff.common.threads import SMALL, suited_threads


def test_few_images_are_compared_on_one_thread_and_many_on_all():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    with suited_threads(SMALL):
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 2
    with suited_threads(SMALL + 1):
        assert torch.get_num_threads() == 2
    torch.set_num_threads(before)
