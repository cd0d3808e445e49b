"""What to do next with a data set, and by which operator."""

from __future__ import annotations

from ...workflows.overview import Overview, active

ALL_DONE = "All steps are done"


def next_step(overview: Overview) -> tuple[str, str, str]:
    """Say what to do next, why, and by which operator (none: ``""``)."""
    if overview.images == 0:
        return "Next: import images", "This data set is empty.", "import_images"
    if active([*overview.jobs, *overview.trainings, *overview.studies]):
        return "At work", "You may close the App: what runs goes on, and is shown here again.", ""
    if not overview.embeddings:
        why = (
            "Vectors that say which images look alike; choosing works on them. The encoder "
            "“builtin” needs no download."
        )
        return "Next: compute embeddings", why, "compute_embeddings"
    if not overview.selections:
        why = "Choose a method and how many images to keep."
        return "Next: select training images", why, "select_samples"
    if not overview.trainings and not overview.studies:
        why = "A study trains one model per way of choosing and compares them."
        return "Next: train a model, or run a study", why, "train_diffusion"
    if not overview.generated:
        return "Next: generate images", "Draw images from a trained model.", "generate_samples"
    if not overview.evaluations and not overview.studies:
        why = "Compare the generated images with the real ones."
        return "Next: evaluate", why, "evaluate_generated"
    return ALL_DONE, "Select in another way and compare, or run a study.", "run_study"
