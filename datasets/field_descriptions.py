"""What a field of ours means, as the App's sidebar and ``dataset.get_field`` say it."""

from __future__ import annotations

DESCRIPTIONS = {
    # of selections
    "rank": "Place in the order of choice, from 1.",
    "score": "What the selection method maximized when it chose the sample.",
    "density": "Mean distance to the nearest distinct samples.",
    "outlier_score": "How far the sample stands apart; above 1 it is flagged.",
    "flagged": "Whether the selection's guard kept the sample out as an outlier.",
    "nearest_pick_distance": "Euclidean distance to the nearest chosen sample.",
    # of evaluations, on generated images
    "in_manifold": "Whether the image lies inside a ball around a real image (precision).",
    "realism": "Radius over distance of a real ball, the largest of the narrower half of them.",
    "rarity": "Radius of the smallest real ball that holds the image; empty where none does.",
    "nearest_id": "The nearest real image.",
    "nearest_distance": "Distance to the nearest real image.",
    "density_count": "How many real images' balls hold the image.",
    "fid_influence": "How much the Frechet distance falls without the image.",
    "nearest_train_id": "The nearest training image.",
    "nearest_train_distance": "Distance to the nearest training image.",
    "nearest_train_mirrored": "Whether the training image is nearest when it is mirrored.",
    "memorization_ratio": "Distance to the nearest training image over the mean to its neighbours.",
    "memorized": "Whether the image is a copy of a training image.",
    "authentic": "Whether its training image is nearer to another one than to this image.",
    # of evaluations, on real images
    "knn_radius": "Distance to the k-th nearest real image, which spans the ball.",
    "recalled": "Whether the image lies inside a ball around a generated image (recall).",
    "covered": "Whether the ball holds a generated image (coverage).",
    "n_generated_in_ball": "How many generated images the ball holds.",
    "nearest_generated_id": "The nearest generated image.",
    "nearest_generated_distance": "Distance to the nearest generated image.",
    # of previews, on drawings
    "source_ids": "The training images that the drawing is made of, the largest part first.",
    "source_weights": "Their parts.",
    "near_real": "Whether a real image is near.",
    # of previews, on training images
    "use": "Share of the arm's drawings that are made of the image.",
    "harm": "Weight in bad drawings beyond what chance gives.",
    "harm_low": "Lower end of the interval of the harm.",
}
"""By the end of a field's name, behind the name of its selection, evaluation or preview."""


def described(field: str) -> str | None:
    """Return what a field means; None where its name is none of ours."""
    endings = [end for end in DESCRIPTIONS if field == end or field.endswith(f"_{end}")]
    return DESCRIPTIONS[max(endings, key=len)] if endings else None
