import sys
from pathlib import Path

import pytest

from brain_mri.errors import InputError
from brain_mri.progress import map_images, map_threads


@pytest.mark.parametrize("spread", [map_threads, map_images])
def test_results_are_in_order_and_errors_raised(spread) -> None:
    assert spread(lambda n: n * n, list(range(50)), "") == [n * n for n in range(50)]
    with pytest.raises(ZeroDivisionError):
        spread(lambda n: 1 // n, [1, 0], "")
    assert spread(abs, [], "") == []


def test_an_error_of_a_thread_keeps_its_type_and_message() -> None:
    def refuse(name: str) -> None:
        raise InputError(f"{Path(name)}: expected more")

    with pytest.raises(InputError) as error:
        map_images(refuse, ["a.png"] * 9, "")
    assert str(error.value) == "a.png: expected more"


def test_a_cluster_without_distributed_is_one_line(monkeypatch) -> None:
    monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", "tcp://127.0.0.1:1")
    monkeypatch.delitem(sys.modules, "brain_mri.cluster", raising=False)
    monkeypatch.setattr(sys.modules["brain_mri"], "cluster", None, raising=False)
    monkeypatch.delattr(sys.modules["brain_mri"], "cluster", raising=False)
    monkeypatch.setitem(sys.modules, "distributed", None)  # as if not installed
    with pytest.raises(InputError) as error:
        map_images(abs, [1], "")
    assert "needs distributed: pip install -e '.[dask]'" in str(error.value)
    assert "\n" not in str(error.value)
