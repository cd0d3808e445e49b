"""What a database holds, with new ids and all times made equal, so that two can be compared."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from bson import ObjectId, json_util

TIMES = {"created_at", "last_modified_at", "last_loaded_at", "last_deletion_at", "timestamp"}
TIMES |= {"created", "uploadDate", "uploaded_at"}
STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[.\d]*(\+00:00|Z)?")
HEX = re.compile(r"\b[0-9a-f]{24}\b")


def describe(stored: dict[str, list], known: set[str]) -> dict[str, Any]:
    """Describe collections: every data set with what it refers to, and the rest.

    Args:
        stored: The documents of each collection.
        known: Ids that were there before; all others are called new.
    """
    return {"datasets": _datasets(stored, known), **_rest(stored, known)}


def difference(wanted: Any, found: Any, path: str = "") -> str:
    """Say where two snapshots differ first."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        for key in sorted(set(wanted) | set(found), key=str):
            if wanted.get(key) != found.get(key):
                return difference(wanted.get(key), found.get(key), f"{path}/{key}")
    if isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        for number, (one, other) in enumerate(zip(wanted, found, strict=True)):
            if one != other:
                return difference(one, other, f"{path}/{number}")
    return f"{path} is {str(found)[:400]}, not {str(wanted)[:400]}"


def _datasets(stored: dict[str, list], known: set[str]) -> dict[str, Any]:
    """Describe every data set with what it refers to."""
    by_id = {
        name: {one["_id"]: one for one in stored.get(name, [])}
        for name in ("runs", "views", "workspaces", "fs.files")
    }
    chunks: dict[Any, bytes] = {}
    for chunk in sorted(stored.get("fs.chunks", []), key=lambda one: one["n"]):
        chunks[chunk["files_id"]] = chunks.get(chunk["files_id"], b"") + chunk["data"]

    def look(name: str, reference: Any) -> Any:
        found = by_id[name].get(getattr(reference, "id", reference), "dangling")
        if name == "runs" and found != "dangling" and found.get("results") is not None:
            data = chunks.get(found["results"], b"null")
            found = {**found, "results": json_util.loads(data.decode())}
        return found

    described = {}
    for one in stored.get("datasets", []):
        refs = {
            "runs": {key: look("runs", ref) for key, ref in one.get("runs", {}).items()},
            "brain_methods": {
                key: look("runs", ref) for key, ref in one.get("brain_methods", {}).items()
            },
            "saved_views": [look("views", ref) for ref in one.get("saved_views", [])],
            "workspaces": [look("workspaces", ref) for ref in one.get("workspaces", [])],
            "sample_fields": sorted(one.get("sample_fields", []), key=lambda f: f["name"]),
        }
        samples = stored.get(one["sample_collection_name"], [])
        samples = [{**s, "tags": sorted(s.get("tags", []))} for s in samples]
        told = {**one, **refs, "samples": sorted(samples, key=lambda s: s.get("filepath", ""))}
        told["sample_collection_name"] = "samples"
        described[one["name"]] = _plain(told, known)
    return described


def _rest(stored: dict[str, list], known: set[str]) -> dict[str, Any]:
    """Describe the other collections: those of ours in full, of FiftyOne's how much is there."""
    samples = {one["sample_collection_name"] for one in stored.get("datasets", [])}
    ours = {
        name: sorted((_plain(one, known) for one in found), key=str)
        for name, found in stored.items()
        if name.startswith("curadiff.") and found
    }
    ours = {
        name: [{k: v for k, v in one.items() if k != "_id"} for one in found]
        for name, found in ours.items()
    }
    vectors: dict[tuple, tuple] = {}  # per sample, as two runs may cut them differently
    for one in sorted(stored.get("curadiff.vectors", []), key=lambda one: one["_id"]):
        for row in range(len(one["ids"]) // 12):
            sample = str(_plain(ObjectId(one["ids"][12 * row : 12 * row + 12]), known))
            mark = slice(8 * row, 8 * row + 8)
            where = (one["field"], one["staged"], sample)
            vectors[where] = (one["encoder"], one["contents"][mark], one["hashes"][mark])
    if "curadiff.vectors" in ours:
        ours["curadiff.vectors"] = sorted(vectors.items())
    counts = {
        name: len(stored.get(name, [])) for name in ("runs", "views", "workspaces", "fs.files")
    }
    files = {chunk["files_id"] for chunk in stored.get("fs.chunks", [])}
    lost = files - {one["_id"] for one in stored.get("fs.files", [])}
    others = sorted(name for name, found in stored.items() if name.startswith("samples.") and found)
    return {
        **ours,
        "counts": counts,
        "pieces without a file": len(lost),
        "samples without a data set": len([name for name in others if name not in samples]),
    }


def _plain(value: Any, known: set[str]) -> Any:
    if isinstance(value, dict):
        return {
            str(_plain(key, known)): _plain(one, known)
            for key, one in value.items()
            if key not in TIMES
        }
    if isinstance(value, list | tuple):
        return [_plain(one, known) for one in value]
    if isinstance(value, ObjectId):
        return str(value) if str(value) in known else "new"
    if isinstance(value, datetime):
        return "time"
    if isinstance(value, str):
        text = HEX.sub(lambda found: found[0] if found[0] in known else "new", value)
        return STAMP.sub("time", text)
    return value
