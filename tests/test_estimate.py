import pytest
from conftest import ROOT

from brain_mri import config
from brain_mri.estimate import Estimate, estimate


@pytest.fixture
def params():
    return config.load(ROOT / "params.yaml")


def test_more_work_takes_longer(params):
    small, large = estimate(166, params), estimate(1660, params)
    assert small.shortest < large.shortest
    assert small.shortest < small.longest
    finer = params.model_copy(update={"image_size": 2 * params.image_size})
    assert estimate(166, finer).shortest > small.shortest
    assert small.disk < estimate(166, finer).disk < 4 * small.disk
    assert small.disk > 150e6  # the weights of VGG-16 alone are 59 MB, kept twice
    quick = params.scratch.model_copy(update={"epochs": 1})
    short = params.model_copy(update={"scratch": quick})
    assert estimate(166, short).shortest < small.shortest


def test_an_estimate_reads_as_a_sentence():
    told = str(Estimate(100, 300, 25_000_000))
    assert told == "about 2 min to 5 min on two cores, 25 MB of disk"
    assert "1 min to 3 h" in str(Estimate(5, 3 * 3600, 0))
