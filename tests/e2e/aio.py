# SPDX-License-Identifier: MIT
"""One asyncio loop in a thread of its own, on which all fakes live."""
import asyncio
import threading

_lock = threading.Lock()
_loop = None


def loop():
    """The loop; started at the first call."""
    global _loop
    with _lock:
        if _loop is None:
            _loop = asyncio.new_event_loop()
            threading.Thread(target=_loop.run_forever, daemon=True,
                             name="fakes").start()
        return _loop


def run(coroutine, timeout=60):
    """Runs a coroutine on the loop and waits for its result."""
    return asyncio.run_coroutine_threadsafe(coroutine, loop()).result(timeout)


def soon(function, *args):
    """Runs a function on the loop and waits until it returned."""
    async def call():
        return function(*args)
    return run(call())
