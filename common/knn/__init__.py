"""Exact nearest neighbours in bounded memory: float32 bounds, settled in float64."""

from .points import Points as Points
from .points import blocks as blocks
from .points import full_precision as full_precision
from .points import lower_bounds as lower_bounds
from .points import pair_square_distances as pair_square_distances
from .points import prepare as prepare
from .points import product as product
from .points import square_distances as square_distances
from .running_top_k import RunningTopK as RunningTopK
from .search import SPARE as SPARE
from .search import nearest as nearest
from .search import nearest_between as nearest_between
from .search import nearest_within as nearest_within
from .search import settle as settle
