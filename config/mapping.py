"""Settings of ``map``."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import model_validator

from .base import Settings, setting

FIELD_HELP = "Field with the embeddings, where there are several."


class MapSettings(Settings):
    """Lay embeddings out in the plane, for the App's map."""

    verb: ClassVar[str] = "map"

    field: str | None = setting(None, FIELD_HELP)
    method: Literal["pca", "umap"] = setting(
        "pca", "How to lay them out; umap needs the package umap-learn (curadiff[umap])."
    )
    similar: str | None = setting(
        None,
        "Index them too, for the App's Sort by similarity, by this backend of FiftyOne's: sklearn, "
        "which needs nothing else, lancedb, qdrant, milvus and others.",
        alone="sklearn",
    )
    weights: str | None = setting(
        None,
        "With similar: file with the CLIP model's weights, for text, where they are elsewhere.",
        owner_only="reads files",
    )

    @model_validator(mode="after")
    def _of_an_index(self) -> MapSettings:
        if self.weights is not None and self.similar is None:
            raise ValueError("weights is for similar; give both.")
        return self
