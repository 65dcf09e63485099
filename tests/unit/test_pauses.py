"""How long a worker that ends is waited for."""

from extauth.serving.workers.slot import Pauses


def test_they_double_up_to_ten_seconds() -> None:
    pauses = Pauses()
    assert [pauses.after(age=1) for _ in range(9)] == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10, 10]


def test_one_that_was_healthy_for_a_while_begins_anew() -> None:
    pauses = Pauses()
    for _ in range(5):
        pauses.after(age=29)
    assert [pauses.after(age) for age in (31, 1, 1, 31)] == [0.1, 0.2, 0.4, 0.1]
