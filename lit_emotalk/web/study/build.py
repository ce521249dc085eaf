"""`lit-emotalk study build`: the folder of a study, from its YAML."""

import csv
import hashlib
import io
import json
import os
import secrets
import shutil
import uuid
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from lit_emotalk.errors import UserError
from lit_emotalk.io.files import write_text
from lit_emotalk.io.progress import track
from lit_emotalk.web.study.plan import PlannedItem, plan_raters
from lit_emotalk.web.study.spec import StudySpec, read_spec
from lit_emotalk.web.study.videos import copy_blind, copy_picture, draw_card

STUDY_FILE = "study.json"
LINKS_FILE = "links.csv"
MEDIA_FOLDER = "media"
TOKEN_BYTES = 24
PRACTICE_TEXT = (
    "This is for practice: choose any answers and go on. "
    "Later, a card like this may ask for a certain answer."
)
CHECK_TEXT = "Are you watching? Please answer {score} to every question."


def build_study(spec_path: Path, output: Path, url: str) -> str:
    """Make the folder `output` of a study and return what to do with it.

    It holds `media/` (videos and pictures under random names), `study.json` (the plan; secret) and
    `links.csv` (each rater's personal link below `url`; secret). Raises UserError for a wrong spec or
    address, where a file cannot be read or written, and where `output` exists.
    """
    address = urlsplit(url)
    if address.scheme not in ("http", "https") or not address.netloc or address.query or address.fragment:
        raise UserError(f"--url must be like https://study.example.org, not '{url}'")
    spec = read_spec(spec_path)
    if output.exists():
        raise UserError(f"{output} exists; name another folder, or remove it (it may hold ratings)")
    temporary = output.with_name(f".{output.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        (temporary / MEDIA_FOLDER).mkdir(parents=True)
        tokens = _fill(spec, temporary, url.rstrip("/"))
        temporary.rename(output)
    except OSError as error:
        raise UserError(f"cannot write {output}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return (
        f"{output}: {spec.raters} raters, {tokens} items each, practice included\n"
        f"send each rater their line of {output / LINKS_FILE}; keep that file and {STUDY_FILE} to yourself\n"
        f"next: lit-emotalk study serve --study {output}"
    )


def _fill(spec: StudySpec, folder: Path, url: str) -> int:
    plans = plan_raters(spec)
    media = _media(spec, plans, folder / MEDIA_FOLDER)
    width = len(str(spec.raters))
    raters: dict[str, Any] = {}
    links = io.StringIO()
    writer = csv.writer(links, lineterminator="\n")
    writer.writerow(["rater", "link"])
    for number, plan in enumerate(plans, 1):
        name, token = f"r{number:0{width}d}", secrets.token_urlsafe(TOKEN_BYTES)
        items = [{**asdict(item), "media": media[_key(item)]} for item in plan]
        raters[name] = {"token_sha256": hashlib.sha256(token.encode()).hexdigest(), "items": items}
        writer.writerow([name, f"{url}/r/{token}"])
    study = {
        "id": secrets.token_hex(16),
        "title": spec.title,
        "introduction": spec.introduction,
        "completion": spec.completion,
        "questions": [asdict(question) for question in spec.questions],
        "sources": {clip: media["source", clip] for clip in spec.sources},
        "mistakes": spec.mistakes,
        "raters": raters,
    }
    for name, text in ((STUDY_FILE, json.dumps(study, indent=1)), (LINKS_FILE, links.getvalue())):
        write_text(folder / name, text)
        (folder / name).chmod(0o600)
    return max(map(len, plans))


def _key(item: PlannedItem) -> tuple[str, ...]:
    if item.kind == "check":
        return ("check", str(item.expected))
    return (item.method, item.clip) if item.kind == "rated" else ("practice",)


def _media(spec: StudySpec, plans: list[list[PlannedItem]], folder: Path) -> dict[tuple[str, ...], str]:
    """Everything that the plans show, copied or drawn under random names and one date: what it is -> name."""
    names: dict[tuple[str, ...], str] = {}
    items = {_key(item): item for plan in plans for item in plan}
    for key, item in track(items.items(), "videos", unit="videos"):
        names[key] = f"{secrets.token_hex(16)}.mp4"
        target = folder / names[key]
        if item.kind == "check":
            draw_card(CHECK_TEXT.format(score=item.expected), target)
        elif item.kind == "rated":
            copy_blind(spec.videos[item.method][item.clip], target)
        elif spec.practice is not None:
            copy_blind(spec.practice, target)
        else:
            draw_card(PRACTICE_TEXT, target)
    for clip, picture in spec.sources.items():
        names["source", clip] = f"{secrets.token_hex(16)}.jpg"
        copy_picture(picture, folder / names["source", clip])
    for name in names.values():
        os.utime(folder / name, (0, 0))
    return names
