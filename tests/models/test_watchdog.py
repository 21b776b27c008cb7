import threading
import time

from gateway.models.watchdog import Watchdog


class Run:
    """What the watchdog ends, with an event to wait for."""

    def __init__(self):
        self.ended = threading.Event()

    @property
    def terminate(self):
        return self.ended.is_set()

    @terminate.setter
    def terminate(self, value):
        assert value
        self.ended.set()


def test_a_run_past_its_deadline_is_ended():
    run = Run()
    with Watchdog().guard(run, time.monotonic() - 1):
        assert run.ended.wait(10)


def test_a_run_that_finished_is_left_alone_whatever_comes_after():
    dog, first, second = Watchdog(), Run(), Run()
    with dog.guard(first, time.monotonic() + 0.05):
        pass
    with dog.guard(second, time.monotonic() + 0.1):
        assert second.ended.wait(10)
    assert not first.terminate


def test_a_nearer_deadline_than_the_last_one_is_met():
    dog, first, second = Watchdog(), Run(), Run()
    with dog.guard(first, time.monotonic() + 1_000):
        pass
    with dog.guard(second, time.monotonic() + 0.01):
        assert second.ended.wait(10)
