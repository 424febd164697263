"""Ctrl-C and SIGTERM: a run that is told to stop ends between two steps, never within a write."""

import signal
import threading
from collections.abc import Callable
from types import FrameType

__all__ = ["Interruption", "Stopped"]


class Stopped(KeyboardInterrupt):
    """A signal has ended a run; `signal` is its number, and the text says how to go on."""

    def __init__(self, number: int, advice: str) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}; {advice}")
        self.signal = number


class Interruption:
    """Notes a signal and waits for a moment at which nothing is half done.

    A second signal acts at once. Outside the main thread, where Python delivers no signals,
    nothing changes.

    Parameters
    ----------
    advice
        Says how to go on, to the person who has stopped the run; asked when it has stopped.
    """

    def __init__(self, advice: Callable[[], str]) -> None:
        self.advice = advice
        self._came: int | None = None
        self._before: dict[int, object] = {}

    def __enter__(self) -> "Interruption":
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                if signal.getsignal(number) not in (signal.SIG_IGN, None):  # as a shell has set it
                    self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        while self._before:
            number, handler = self._before.popitem()
            signal.signal(number, handler)  # pyright: ignore[reportArgumentType]

    def check(self) -> None:
        """Raise `Stopped` if a signal has come."""
        if self._came is not None:
            raise Stopped(self._came, self.advice())

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._came = number
        self.__exit__()
