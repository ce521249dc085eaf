"""`lit-emotalk study serve`: the study's application on a port."""

from pathlib import Path

from lit_emotalk.web.serving import address, listen, run
from lit_emotalk.web.study.app import make_app
from lit_emotalk.web.study.build import LINKS_FILE
from lit_emotalk.web.study.store import Store
from lit_emotalk.web.study.study import read_study

MOST_CONNECTIONS = 1000


def serve_study(folder: Path, host: str, port: int) -> None:
    """Serve the study in `folder` until interrupted. UserError where it is none or the port cannot be had."""
    study = read_study(folder)
    listener = listen(host, port)
    with listener, Store(folder, study.id) as store:
        total = sum(map(len, study.raters.values()))
        given = len(store.answers())
        print(
            f"study '{study.title}' at {address(host, listener)}: {given} of {total} "
            f"answers so far; the raters' links are in {folder / LINKS_FILE}; stop with Ctrl-C, serve "
            "again to go on",
            flush=True,
        )
        run(make_app(study, store), listener, MOST_CONNECTIONS, ws="none")
