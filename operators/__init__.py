"""Doorways from the App: a form, a call, a message."""

from __future__ import annotations

from typing import Any


def register(plugin: Any) -> None:
    """Register every operator and panel with FiftyOne."""
    from . import (
        access,
        elsewhere,
        following,
        models,
        panel,
        people,
        pool,
        previews,
        removing,
        selections_panel,
        study_panel,
        verdicts,
        welcome,
    )

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
        verdicts.EvaluateGenerated,
        verdicts.RunStudy,
        people.StartRating,
        previews.PreviewSelections,
        removing.DeleteMade,
        elsewhere.ShowSamples,
        following.FollowJob,
        welcome.Welcome,
        panel.CuradiffPanel,
        selections_panel.SelectionsPanel,
        study_panel.StudyPanel,
        people.PeoplePanel,
    ):
        plugin.register(access.guarded(doorway))
