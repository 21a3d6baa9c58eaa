"""One thread, and the made-up cohort that most of these tests learn from."""

import pytest
import torch

from napari_vslp.learning.cohort import read_cohort
from napari_vslp.learning.proportions.bags import load_bags

from .made import write_sections


@pytest.fixture(autouse=True, scope="package")
def one_thread():
    """Tensors this small only lose time to the waiting of threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="package")
def table(tmp_path_factory):
    """Return the table of twelve sections of 64 px, which lie beside it with their masks."""
    return write_sections(tmp_path_factory.mktemp("sections") / "here")


@pytest.fixture(scope="package")
def cohort(table):
    return read_cohort(table)


@pytest.fixture(scope="package")
def bags(cohort):
    return load_bags(cohort)
