"""Doorways from the App: a form, a call, a message."""

from __future__ import annotations

from typing import Any


def register(plugin: Any) -> None:
    """Register every operator and panel with FiftyOne."""
    from . import models, panel, pool, study_panel, verdicts

    for doorway in (
        pool.ImportImages,
        pool.ComputeEmbeddings,
        pool.SelectSamples,
        models.TrainDiffusion,
        models.StopTraining,
        models.ResumeTraining,
        models.GenerateSamples,
        models.ImportGenerated,
        verdicts.EvaluateGenerated,
        verdicts.RunStudy,
        panel.CuradiffPanel,
        study_panel.StudyPanel,
    ):
        plugin.register(doorway)
