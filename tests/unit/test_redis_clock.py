"""The clock that quotas go by: Redis', once it was told, whatever becomes of this machine's."""

from types import SimpleNamespace

from extauth.store.redis_clock import RedisClock


def test_before_redis_was_heard_it_is_this_machines() -> None:
    times = SimpleNamespace(monotonic=50.0, wall=1_700_000_000.0)
    clock = RedisClock(lambda: times.monotonic, lambda: times.wall)
    assert clock.now() == 1_700_000_000
    times.wall += 7
    assert clock.now() == 1_700_000_007
    assert clock.ahead() == 0


def test_from_then_on_this_machines_may_jump() -> None:
    times = SimpleNamespace(monotonic=50.0, wall=1_700_000_000.0)
    clock = RedisClock(lambda: times.monotonic, lambda: times.wall)
    clock.set(1_600_000_000.25)
    assert clock.now() == 1_600_000_000.25
    times.wall += 32 * 86_400
    times.monotonic += 2
    assert clock.now() == 1_600_000_002.25
    assert clock.ahead() == 1_600_000_002.25 - times.wall
    clock.set(1_600_000_001)  # it was set back, or another one took over
    assert clock.now() == 1_600_000_001
