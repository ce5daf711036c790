"""What a thread works on (run, connection, object), for its log lines; threads that it starts carry it on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from functools import partial
from types import MappingProxyType
from typing import ParamSpec, TypeVar

_NOTHING: Mapping[str, str] = MappingProxyType({})
_ABOUT: ContextVar[Mapping[str, str]] = ContextVar("about", default=_NOTHING)
P = ParamSpec("P")
T = TypeVar("T")


@contextmanager
def about(**words: str) -> Iterator[None]:
    """Inside, log lines tell these words, too."""
    token = _ABOUT.set({**_ABOUT.get(), **words})
    try:
        yield
    finally:
        _ABOUT.reset(token)


def told() -> Mapping[str, str]:
    """What this thread's work is about."""
    return _ABOUT.get()


class Threads(ThreadPoolExecutor):
    """Whose work is about what the work is about that asks for it."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Starts it in a copy of the caller's context."""
        return super().submit(partial(copy_context().run, fn, *args, **kwargs))
