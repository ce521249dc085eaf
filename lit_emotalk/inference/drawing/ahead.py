"""Work done ahead of who wants it, in threads, in order, bounded."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def ahead(
    work: Callable[[Item], Result],
    items: Iterable[Item],
    workers: int,
    start: Callable[[], None] | None = None,
) -> Iterator[Result]:
    """`work` of every item, in order, by `workers` threads (`start` is called in each of them first).

    At most `workers + 1` results wait. What `work` raises is raised here; no thread is left behind.
    """
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(workers, "ahead", start) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) > workers + 1:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for each in waiting:
                each.cancel()
