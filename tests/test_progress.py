import pytest

from brain_mri.progress import map_threads


def test_map_threads_keeps_the_order_and_raises() -> None:
    assert map_threads(lambda n: n * n, list(range(50)), "") == [
        n * n for n in range(50)
    ]
    with pytest.raises(ZeroDivisionError):
        map_threads(lambda n: 1 // n, [1, 0], "")
