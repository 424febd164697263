"""A run that is told to stop ends between two steps."""

import os
import signal
import threading

import pytest

from ff.running.interruption import Interruption, Stopped

BOTH = [signal.SIGINT, signal.SIGTERM]


@pytest.mark.parametrize("number", BOTH)
def test_a_signal_waits_for_the_next_check(number):
    before = signal.getsignal(number)
    with Interruption(lambda: "try again") as stop:
        stop.check()
        os.kill(os.getpid(), number)
        with pytest.raises(Stopped, match=f"stopped by {number.name}; try again") as caught:
            stop.check()
    assert caught.value.signal == number
    assert isinstance(caught.value, KeyboardInterrupt)
    assert signal.getsignal(number) is before


def test_a_second_ctrl_c_acts_at_once():
    # A shell lets what it starts in the background ignore Ctrl-C, these tests too.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with Interruption(str):
            os.kill(os.getpid(), signal.SIGINT)
            with pytest.raises(KeyboardInterrupt) as caught:
                os.kill(os.getpid(), signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)
    assert not isinstance(caught.value, Stopped)


@pytest.mark.parametrize("number", BOTH)
def test_the_handlers_are_put_back(number):
    before = signal.getsignal(number)
    with Interruption(str):
        assert signal.getsignal(number) is not before
    assert signal.getsignal(number) is before


def test_what_is_ignored_stays_so():
    """A shell lets what a script starts in the background ignore Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with Interruption(str) as stop:
            os.kill(os.getpid(), signal.SIGINT)
            stop.check()
    finally:
        signal.signal(signal.SIGINT, before)


def test_in_another_thread_nothing_changes():
    seen = []

    def work() -> None:
        with Interruption(str) as stop:
            stop.check()
            seen.append(signal.getsignal(signal.SIGTERM))

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]
