"""The plugin's operators: a form, one call, one message each."""

from __future__ import annotations

from typing import Any


def register(plugin: Any) -> None:
    """Register every operator and panel with FiftyOne."""
    from . import (
        access,
        cleaning,
        duplicates,
        embeddings,
        evaluation,
        follow_jobs,
        generation,
        images,
        navigation,
        previews,
        ratings,
        reopening,
        results,
        selection,
        studies,
        training,
        welcome,
    )
    from .panels import map as map_panel
    from .panels import pipeline, study
    from .panels import ratings as ratings_panel
    from .panels import selections as selections_panel

    access.watch()
    for operator in (
        images.ImportImages,
        embeddings.ComputeEmbeddings,
        embeddings.MapEmbeddings,
        embeddings.IndexSimilarity,
        duplicates.FindDuplicates,
        selection.SelectSamples,
        training.TrainDiffusion,
        training.StopTraining,
        training.ResumeTraining,
        generation.GenerateSamples,
        generation.ImportGenerated,
        evaluation.EvaluateGenerated,
        studies.RunStudy,
        ratings.StartRating,
        previews.PreviewSelections,
        results.RenameResult,
        results.DeleteResult,
        cleaning.CleanDataset,
        navigation.ShowSamples,
        follow_jobs.FollowJob,
        reopening.ReopenForm,
        welcome.Welcome,
        pipeline.PipelinePanel,
        selections_panel.SelectionsPanel,
        study.StudyPanel,
        map_panel.MapPanel,
        ratings_panel.RatingsPanel,
    ):
        plugin.register(access.guarded(operator))
