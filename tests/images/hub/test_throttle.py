"""Guessing is slow, mistyping is not, and nobody pays for another's guesses."""

import pytest

from images.hub.hpc_hub import throttle
from images.hub.hpc_hub.throttle import FREE_TRIES, Throttle

ADA = ("ada", "192.0.2.1")


class Clock:
    """A clock that is set."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tries(clock: Clock) -> Throttle:
    """A throttle on whose clock no time passes by itself."""
    return Throttle(clock)


def test_a_few_tries_are_free_and_then_each_waits_longer_up_to_half_a_minute(
    tries: Throttle, clock: Clock
) -> None:
    assert [tries.wait(ADA) for _ in range(FREE_TRIES)] == [0] * FREE_TRIES
    waits = []
    for _ in range(5):
        waits.append(tries.wait(ADA))
        clock.now += waits[-1]
        assert tries.wait(ADA) == 0
    assert waits == [5, 10, 20, 30, 30]


def test_what_is_refused_does_not_make_the_wait_longer(tries: Throttle, clock: Clock) -> None:
    for _ in range(FREE_TRIES + 100):
        tries.wait(ADA)
    clock.now += 5
    assert tries.wait(ADA) == 0


def test_others_do_not_wait(tries: Throttle) -> None:
    for _ in range(FREE_TRIES + 1):
        tries.wait(ADA)
    assert tries.wait(("ada", "192.0.2.2")) == 0
    assert tries.wait(("grace", "192.0.2.1")) == 0


def test_who_knows_the_password_begins_anew(tries: Throttle) -> None:
    for _ in range(FREE_TRIES):
        tries.wait(ADA)
    tries.succeeded(ADA)
    assert tries.wait(ADA) == 0


def test_an_hour_forgets(tries: Throttle, clock: Clock) -> None:
    for _ in range(FREE_TRIES):
        tries.wait(ADA)
    clock.now += throttle.FORGOTTEN_AFTER_SECONDS + 1
    assert [tries.wait(ADA) for _ in range(FREE_TRIES)] == [0] * FREE_TRIES


def test_made_up_names_take_no_more_memory_than_said(
    tries: Throttle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttle, "KEPT", 3)
    for _ in range(FREE_TRIES):
        tries.wait(ADA)
    for number in range(10):
        tries.wait((f"name{number}", "192.0.2.1"))
    assert len(tries._tries) == 3
