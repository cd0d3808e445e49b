"""The one exact search for neighbours, by the names that metrics use."""

from ..common.knn import Points as Points
from ..common.knn import blocks as blocks
from ..common.knn import nearest_between as neighbors_between
from ..common.knn import nearest_within as neighbors_within
from ..common.knn import prepare as together

__all__ = ["Points", "blocks", "neighbors_between", "neighbors_within", "together"]
