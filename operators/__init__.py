"""Doorways from the App: a form, a call, a message."""

from __future__ import annotations

from typing import Any


def register(plugin: Any) -> None:
    """Register every operator and panel with FiftyOne."""
    from . import access, evaluations, following, models, navigation, pool, removing
    from .panels import people, pipeline, previews, selections, study, welcome

    access.watch()
    for doorway in (
        pool.ImportImages,
        pool.ComputeEmbeddings,
        pool.MapEmbeddings,
        pool.SelectSamples,
        models.TrainDiffusion,
        models.StopTraining,
        models.ResumeTraining,
        models.GenerateSamples,
        models.ImportGenerated,
        evaluations.EvaluateGenerated,
        evaluations.RunStudy,
        people.StartRating,
        previews.PreviewSelections,
        removing.DeleteMade,
        navigation.ShowSamples,
        following.FollowJob,
        welcome.Welcome,
        pipeline.CuradiffPanel,
        selections.SelectionsPanel,
        study.StudyPanel,
        people.PeoplePanel,
    ):
        plugin.register(access.guarded(doorway))
