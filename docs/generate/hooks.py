"""Fills the pages when the site is built: `<!-- generated: NAME -->` becomes what NAME stands for.

`<!-- figure: NAME -->` becomes a figure of `figures.yaml`, `<!-- included: PATH -->` a Markdown file of the
repository, one heading lower down.
"""

import re
from collections.abc import Callable
from typing import Any

from docs.generate.configuration import ROOT, experiment_list, key_tables, other_files
from docs.generate.contract import coefficient_tables, shard_tables
from docs.generate.figures import figure
from docs.generate.messages import troubleshooting
from docs.generate.paintings import painting_table
from docs.generate.protocols import protocol_table

GENERATED: dict[str, Callable[[], str]] = {
    "experiments": experiment_list,
    "other files": other_files,
    "keys": key_tables,
    "protocols": protocol_table,
    "messages": troubleshooting,
    "paintings": painting_table,
    "shards": shard_tables,
    "coefficients": coefficient_tables,
}
MARKER = re.compile(r"^<!-- (generated|figure|included): (.+?) -->$", re.MULTILINE)
INCLUDED = re.compile(r"^<!-- included: (.+?) -->$", re.MULTILINE)
PICTURES = "../experiments/pictures/"
"""How pages name pictures that lie outside docs/; the site has them in `pictures/`."""


def fill(markdown: str) -> str:
    """A page's text with its markers replaced. Raises KeyError for a name that nothing stands for."""
    return MARKER.sub(lambda found: replacement(found[1], found[2]), markdown)


def replacement(kind: str, name: str) -> str:
    """What a marker stands for."""
    if kind == "generated":
        return GENERATED[name]()
    if kind == "figure":
        return figure(name)
    text = (ROOT / name).read_text()
    return "\n".join(text.split("\n")[1:])  # the page has a title of its own


def on_page_markdown(markdown: str, **_: Any) -> str:
    """MkDocs calls this for every page."""
    return fill(markdown).replace(PICTURES, "pictures/")


def on_files(files: Any, config: Any) -> Any:
    """MkDocs calls this once: the pictures of the experiments become files of the site."""
    from mkdocs.structure.files import File

    for path in sorted((ROOT / "experiments/pictures").glob("*.jpg")):
        files.append(File.generated(config, f"pictures/{path.name}", abs_src_path=str(path)))
    return files
