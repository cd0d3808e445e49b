"""The keywords of the verbs, for editors and type checkers.

Written by ``python -m curadiff.config.signatures`` from the settings; do not edit it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Required, TypedDict

if TYPE_CHECKING:
    from .embed import EmbedSettings
    from .evaluate import EvaluateSettings
    from .generate import GenerateSettings
    from .select import SelectSettings
    from .study import ArmSettings
    from .train import TrainSettings


class ImportOptions(TypedDict, total=False):
    """Settings of ``import``; see `ImportSettings`."""

    name: str | None
    """Name of the data set; by default the folder's. A folder may be imported again."""
    layout: Literal['auto', 'folder', 'vitonhd', 'dresscode', 'shards']
    """How the files are laid out; auto recognizes VITON-HD, Dress Code and Parquet shards. [default: 'auto']"""
    companions: Literal['attach', 'photographs']
    """Masks, depth maps, thumbnails and the like in a folder beside images: attach them to their photographs, or import them as photographs too. [default: 'attach']"""
    pool: str | None
    """With a selection in shards: the folder of shards that it was selected from, of which some random rows are imported too, as the view context."""
    pool_sample: int
    """How many random rows of pool are imported. [>= 1; <= 1000000; default: 1000]"""
    seed: int
    """Seed of the random rows of pool. [>= 0; <= 9007199254740992; default: 0]"""
    add: bool
    """Add to a data set that holds the images of another folder. [default: False]"""
    update: bool
    """Take over labels and other values that the folder states otherwise by now. [default: False]"""
    repoint: bool
    """The folder was moved: let its samples point to the same images where they are now. [default: False]"""



class EmbedOptions(TypedDict, total=False):
    """Settings of ``embed``; see `EmbedSettings`."""

    encoder: str
    """Encoder: builtin, scattering, clip-vit-b32, dinov2-vit-l14, inception, open_clip:MODEL[:TAG], timm:MODEL or python:FILE_OR_MODULE:FUNCTION. [default: 'clip-vit-b32']"""
    weights: str | None
    """File with the encoder's weights; by default they are looked up by name."""
    field: str | None
    """Sample field to write; by default it is named after the encoder."""
    to_shards: str | None
    """Folder of Parquet shards to write, in place of a field; rows are as the encoder gives them, not scaled."""
    from_shards: str | None
    """Folder of Parquet shards that another system embedded: vectors are taken from there, by id, uri or sha256, and no encoder is loaded."""
    batch_size: int
    """Images per forward pass. [>= 1; <= 4096; default: 32]"""
    processes: int
    """Processes to embed with, one per GPU. [>= 1; <= 64; default: 1]"""
    accelerate: str
    """Flags of accelerate launch that say on which GPUs and machines to embed."""
    device: Literal['auto', 'cpu', 'cuda', 'mps']
    """Where to compute; auto takes a GPU when there is one. [default: 'auto']"""
    dtype: Literal['float32', 'bfloat16']
    """Number format of the network; for bfloat16, mixed precision, what it costs the vectors is measured and said. [default: 'float32']"""
    cache: bool
    """Look vectors up by the images' content, and remember new ones. [default: True]"""
    overwrite: bool
    """Compute again for samples that have the field already; with another encoder the field is emptied for samples outside of the view. [default: False]"""



class MapOptions(TypedDict, total=False):
    """Settings of ``map``; see `MapSettings`."""

    field: str | None
    """Field with the embeddings, where there are several."""
    method: Literal['pca', 'umap']
    """How to lay them out; umap needs the package umap-learn (curadiff[umap]). [default: 'pca']"""
    similar: str | None
    """Index them too, for the App's Sort by similarity, by this backend of FiftyOne's: sklearn, which needs nothing else, lancedb, qdrant, milvus and others."""
    weights: str | None
    """With similar: file with the CLIP model's weights, for text, where they are elsewhere."""



class SimilarOptions(TypedDict, total=False):
    """Settings of ``similar``; see `SimilarSettings`."""

    text: str | None
    """What to look for; needs embeddings by a CLIP model."""
    image: str | None
    """In place of a text: the id or file of a sample."""
    count: int
    """How many images at most. [>= 1; default: 25]"""
    save: str | None
    """Save them as a view of this name."""
    field: str | None
    """Field with the embeddings, where there are several."""
    weights: str | None
    """File with the CLIP model's weights, where they are not where weights are looked for."""
    device: Literal['auto', 'cpu', 'cuda', 'mps']
    """Where the text is embedded; auto takes a GPU when there is one. [default: 'auto']"""



class SelectOptions(TypedDict, total=False):
    """Settings of ``select``; see `SelectSettings`."""

    method: Literal['random', 'coreset', 'typicality', 'facility-location', 'zcore', 'typiclust', 'kmeans', 'densest', 'top', 'herding', 'hierarchical-kmeans', 'transport', 'difficulty', 'preview-harm']
    """How to choose. [default: 'typicality']"""
    budget: int
    """How many samples to choose. [>= 1; default: 1000]"""
    name: str | None
    """Name of the selection: its tag and its saved view; by default METHOD-BUDGET."""
    field: str | None
    """Field with the embeddings; by default the only one that there is."""
    seed: int
    """Seed of whatever is random in the method. [>= 0; <= 9007199254740992; default: 0]"""
    alpha: float | Literal['auto']
    """Typicality: how much density counts, 0 (spread only) to 4; auto searches for the best. [default: 1.0]"""
    neighbors: int | None
    """How many neighbours density is measured with; by default found from pool and budget. [>= 1]"""
    min_distance: float | None
    """Typicality: no two chosen samples are closer than this; by default found from the data. [>= 0; <= 2]"""
    outlier_rate: float
    """Typicality: share of ordinary samples that the outlier guard may keep out (0: no guard). [>= 0; <= 0.5; default: 0.015]"""
    keep: str | None
    """A selection to start from: its samples count as chosen and are not counted again."""
    exclude_tag: str | None
    """Samples with this tag are never chosen."""
    group_field: str | None
    """Field with classes or slices, such as label.label, that quotas are about."""
    quotas: str | None
    """How many of each group: balanced, proportional, or GROUP=COUNT,GROUP=COUNT."""
    together_field: str | None
    """Field such as a person's name: samples that share its value are chosen together."""
    weight_field: str | None
    """Numeric field that says how much a sample is worth; top ranks by it, difficulty takes even steps of it, preview-harm leaves out what has most of it (PREVIEW_ARM_harm)."""
    harm_fraction: float
    """Preview-harm: share of the samples that is left out, those of most harm. [>= 0; < 1; default: 0.1]"""
    base_method: Literal['typicality', 'random']
    """Preview-harm: how to choose from the samples that are left. [default: 'typicality']"""
    toward: str | None
    """Tag of examples: samples that are like them are preferred."""
    away: str | None
    """Tag of examples: samples that are like them are avoided."""
    pull: float
    """How strongly toward and away count: the weight grows e^pull times per standard deviation of the likeness. [>= 0; <= 10; default: 1.0]"""
    report: bool
    """Write a page that compares the selection with the pool and with random subsets. [default: False]"""
    to_shards: str | None
    """Where a pool of Parquet shards is selected from: a new folder for the chosen rows."""
    device: Literal['auto', 'cpu', 'cuda', 'mps']
    """Where to compute; the choice does not depend on it. [default: 'auto']"""
    overwrite: bool
    """Replace a selection that has the same name. [default: False]"""



class TrainOptions(TypedDict, total=False):
    """Settings of ``train``; see `TrainSettings`."""

    name: str | None
    """Name of the run; by default the date and time."""
    preset: Literal['lightly-2023', 'fast', 'small-data', 'cpu-small', 'demo']
    """Values for all training settings that are not given. [default: 'lightly-2023']"""
    network: Literal['unet2d', 'lucidrains', 'analytic']
    """Network: diffusers' UNet2DModel; that of denoising-diffusion-pytorch 1.9.4, which cannot be opened as a diffusers pipeline; or analytic, which is not trained: it mixes the training images by their closed-form posterior, for a preview. [default: 'unet2d']"""
    decide_size: int
    """Analytic model: side in pixels at which a picture is decided, before it is rendered at image_size. [>= 8; <= 128; a multiple of 8; default: 32]"""
    windows: Literal['rule', 'covariance']
    """Analytic model: how wide a window is at a noise level, by a fixed rule or by the covariance of the training images. [default: 'rule']"""
    start_from: str | None
    """Run whose averaged weights to begin with, also of another image size, or with one level less for pictures half as large; folder of a diffusers DDPM pipeline (./FOLDER), whose shape the network takes; or checkpoint of denoising-diffusion-pytorch (model-N.pt) to go on from."""
    image_size: int
    """Side of the training images in pixels. [>= 8; <= 1024; a multiple of 8; default: 128]"""
    base_channels: int
    """Width of the network's first level. [>= 16; a multiple of 16; default: 64]"""
    multipliers: str
    """Width of each level as a multiple of the first; each level halves the picture. [default: '1-1.5-3-6']"""
    layers: int
    """Residual blocks per level. [>= 1; <= 8; default: 2]"""
    steps: int
    """Optimizer steps. [>= 1; default: 20000]"""
    batch_size: int
    """Images per optimizer step, over all processes. [>= 1; default: 32]"""
    accumulate: int
    """Parts that a batch is computed in, to save memory. [>= 1; default: 1]"""
    learning_rate: float
    """AdamW's learning rate. [> 0; <= 1; default: 0.0001]"""
    warmup: int
    """Steps until the learning rate is reached. [>= 0; default: 0]"""
    cooldown: int
    """Steps at the end in which the learning rate falls to zero. [>= 0; default: 0]"""
    weight_decay: float
    """AdamW's weight decay; 0 makes it Adam. [>= 0; <= 1; default: 0.0]"""
    clip: float | None
    """Longest gradient of a step; longer ones are scaled down. [> 0; default: 1.0]"""
    schedule: Literal['linear', 'cosine', 'sigmoid', 'karras']
    """Noise schedule. [default: 'sigmoid']"""
    prediction: Literal['epsilon', 'sample', 'v_prediction']
    """What the network predicts. [default: 'v_prediction']"""
    min_snr: float | None
    """Clip the signal-to-noise ratio in the loss at this value; 5 is usual. [> 0]"""
    weighting: Literal['snr', 'snr+1']
    """Weight of a noise level: snr is the usual loss on the noise; snr+1 is that on v, which learns coarse shapes sooner. [default: 'snr']"""
    timesteps: int
    """Noise levels T. [>= 2; <= 10000; default: 1000]"""
    classes: str | None
    """Field with the class of each image, such as label, which the network is told; images can then be drawn by class."""
    label_dropout: float
    """Share of the images whose class the network is not told in a step; guidance needs it. [>= 0; < 1; default: 0.1]"""
    horizontal_flip: bool
    """Mirror half of the images at random. [default: True]"""
    augment: float
    """Probability of each augmentation that does not leak into the samples: flips, scaling, rotation, stretching and shifts, none of colors (arXiv:2206.00364); 0.12 suits small data sets. [>= 0; <= 1; default: 0.0]"""
    dropout: float
    """Share of units dropped in the residual blocks while training; 0.1 to 0.25 suits small data sets. [>= 0; < 1; default: 0.0]"""
    ema_decay: float
    """Decay of the averaged weights. [>= 0; < 1; default: 0.995]"""
    ema_every: int
    """Steps between two updates of the average. [>= 1; default: 10]"""
    ema_warmup: int
    """Steps until averaging begins; before, it is a copy. [>= 0; default: 100]"""
    power_ema_every: int | None
    """Steps between two snapshots of averages from which one of any length can be put together afterwards (arXiv:2312.02696); none keeps none. Some 20 in all are enough. [>= 1]"""
    mixed_precision: Literal['auto', 'no', 'bf16', 'fp16']
    """Number format of the forward pass; auto is bf16 on a GPU that has it. [default: 'auto']"""
    compile: Literal['auto', 'graphs', 'yes', 'no']
    """How a GPU is kept busy: graphs records a step once and replays it, which takes a second; yes compiles the network, which takes a minute or more, also on a processor; no does neither. On a GPU auto records, but compiles for 1,000 steps and more where the network has no fused kernels or its step cannot be recorded. [default: 'auto']"""
    checkpoint_every: int
    """Steps between two checkpoints. [>= 1; default: 1000]"""
    keep_checkpoints: int
    """How many checkpoints to keep. [>= 1; default: 2]"""
    keep_every: int | None
    """Keep the checkpoints at multiples of so many steps besides. [>= 1]"""
    grid_every: int | None
    """Steps between two sample grids; by default one per checkpoint. [>= 1]"""
    bad_images: Literal['refuse', 'skip']
    """What to do about images that cannot be read. [default: 'refuse']"""
    tracker: Literal['none', 'tensorboard', 'wandb']
    """Where else to log, through accelerate. [default: 'none']"""
    processes: int
    """Processes to train with, one per GPU. [>= 1; <= 64; default: 1]"""
    accelerate: str
    """Flags of accelerate launch that say on which GPUs and machines to train."""
    seed: int
    """Seed of weights, order, flips and noise. [>= 0; <= 9007199254740992; default: 0]"""
    device: Literal['auto', 'cpu', 'cuda', 'mps']
    """Where to train; auto takes a GPU when there is one. [default: 'auto']"""



class GenerateOptions(TypedDict, total=False):
    """Settings of ``generate``; see `GenerateSettings`."""

    count: int
    """How many images to draw. [>= 1; default: 1000]"""
    sampler: Literal['ddim', 'ddpm', 'dpm-solver++', 'heun']
    """Sampling algorithm. [default: 'ddim']"""
    steps: int
    """Network evaluations per image. [>= 1; <= 10000; default: 250]"""
    weights: Literal['ema', 'raw']
    """Averaged weights or the last ones. [default: 'ema']"""
    ema: float | None
    """Length of the average to draw with, as a share of the training (0.05, 0.1, 0.15), from a training with power_ema_every; by default its ordinary average. [>= 0.01; <= 0.25]"""
    classes: list[str] | None
    """Classes to draw, in turn, from a training with classes; by default all, as often as the training images have them."""
    guidance: float | None
    """How far to go from what is drawn without a class, or by guide, toward what is drawn with it: 1 is no guidance, 2 twice as far. [>= 0; <= 100]"""
    guide: str | None
    """Autoguidance: a worse model to go away from, an earlier step of the same training (4000), another training, or a step of it (RUN:4000)."""
    batch_size: int
    """Images drawn before their files are written; does not change them. [>= 1; default: 64]"""
    processes: int
    """Processes to draw with, one per GPU; does not change the images. [>= 1; <= 64; default: 1]"""
    seed: int
    """Seed of the first image; image i uses seed + i. [>= 0; <= 9007199254740992; default: 0]"""
    device: Literal['auto', 'cpu', 'cuda', 'mps']
    """Where to compute; auto takes a GPU when there is one. [default: 'auto']"""



class LinkOptions(TypedDict, total=False):
    """Settings of ``import-generated``; see `LinkSettings`."""

    name: str | None
    """Name of the data set for them; by default SOURCE-generated. It may exist."""
    arm: str | None
    """The arm they belong to; by default the selection that the model was trained on."""



class EvaluateOptions(TypedDict, total=False):
    """Settings of ``evaluate``; see `EvaluateSettings`."""

    encoder: str
    """The judge; not the encoder that selected. Encoder: builtin, scattering, clip-vit-b32, dinov2-vit-l14, inception, open_clip:MODEL[:TAG], timm:MODEL or python:FILE_OR_MODULE:FUNCTION. [default: 'dinov2-vit-l14']"""
    weights: str | None
    """File with the encoder's weights; by default they are looked up by name."""
    metrics: list[str] | None
    """What to compute, separated by commas; by default all that the images allow except frechet_extrapolated. Choices: frechet_distance, precision_recall, density_coverage, clipped_density_coverage, retrieval_score, memorization, frechet_extrapolated, kernel_distance, cmmd, mind, vendi."""
    k: int
    """Neighbours that span the manifold for precision and recall. [>= 1; default: 3]"""
    density_k: int
    """Neighbours that span the balls of density and coverage. [>= 1; default: 5]"""
    rule: Literal['<=', '<']
    """Precision and recall: whether a point at exactly the radius is inside (<=, as the paper and torch-fidelity) or not (<, as prdc). [default: '<=']"""
    counts: Literal['refuse', 'subsample', 'unequal']
    """When there are not as many real as generated images: stop, draw as many from the larger set by the seed, or compare them as they are. [default: 'refuse']"""
    reference_size: Literal['auto', 'native'] | int
    """How real images are shown to the judge. auto: cut and resized to the size of the generated images, as training prepares them; a number: real and generated ones cut to squares of so many pixels; native: all at their own size and shape. [default: 'auto']"""
    null_draws: int
    """Random draws of real against real behind each null; 0 for no nulls. [>= 0; <= 100; default: 3]"""
    bootstrap: int
    """Resamples behind each interval; 0 for none. [>= 0; <= 100000; default: 1000]"""
    classes: str | None
    """Field with the class of the real images, such as label: counts, coverage and other values of each class besides. Generated images have drawn_class, or the same field."""
    mirrored: bool
    """Look for mirrored copies of the training images too. [default: True]"""
    key: str
    """Name of the evaluation, so that several live side by side. [default: 'evaluation']"""
    batch_size: int
    """Images per forward pass. [>= 1; <= 4096; default: 32]"""
    processes: int
    """Processes to compute features with, one per GPU. [>= 1; <= 64; default: 1]"""
    accelerate: str
    """Flags of accelerate launch that say on which GPUs and machines to compute features."""
    seed: int
    """Seed of subsampling, nulls, projections and bootstrap. [>= 0; <= 9007199254740992; default: 0]"""
    device: Literal['auto', 'cpu', 'cuda', 'mps']
    """Where to compute; auto takes a GPU when there is one. [default: 'auto']"""



class StudyOptions(TypedDict, total=False):
    """Settings of ``study``; see `StudySettings`."""

    name: str
    """Name of the study; the same name resumes it. [default: 'study']"""
    arms: list[str | ArmOptions | ArmSettings]
    """Ways to choose training data: full or a selection method; tag:NAME or view:NAME for all images of a tag or a saved view. An arm with a list of budgets becomes one arm for each. [default: ['full', 'random', 'coreset', 'typicality']]"""
    budget: int
    """How many samples each arm but full trains on. [>= 1; default: 1000]"""
    seeds: list[int]
    """Training seeds: every selection is trained once with each. [default: [0, 1]]"""
    draws: int
    """How often the arm random chooses anew; every draw is trained with each seed. [>= 1; default: 3]"""
    leave_out: str | None
    """Sample field, such as the supplier: one more arm for each of its values, of random images without that value, to compare with random images of all values."""
    match: Literal['steps', 'images', 'epochs']
    """What is equal over arms: optimizer steps (an arm may have its own), images seen (none may), or epochs, as many as train.steps give an arm of the study's budget. [default: 'steps']"""
    curve: int
    """Checkpoints of each training that are judged, on a quarter of the images; 0 for none. [>= 0; <= 100; default: 4]"""
    patience: int | None
    """Stop a training whose loss on held-out images has not fallen for so many checkpoints; by default none is stopped. [>= 1]"""
    held_out: float
    """Share of the images that no arm may train on; the metrics compare with them (0: compare with the whole pool). [>= 0; <= 0.8; default: 0.2]"""
    preview: Literal['auto', 'yes', 'no']
    """See first what the arms would make a model draw, without training; auto does where that takes at most 5 % of the trainings' time. [default: 'auto']"""
    parallel: int
    """Trainings that run side by side, sharing this machine's cores or GPUs; the next one also starts while images are drawn and judged. [>= 1; <= 64; default: 1]"""
    group_field: str | None
    """Sample field, such as the photographer: images that share its value stay on one side."""
    trainer: Literal['curadiff', 'command']
    """Who trains: Curadiff, or a program of yours that the setting command starts. [default: 'curadiff']"""
    command: list[str] | None
    """Program and arguments for trainer=command, without a shell; {images} is the folder with the selection, {out} where to write images, {seed} and {steps} are numbers."""
    captions: str | None
    """Sample field with the captions of the images, for a training program of yours."""
    embed: EmbedOptions | EmbedSettings
    """The encoder that the selection sees with. [a dictionary of settings of embed]"""
    select: SelectOptions | SelectSettings
    """Options of the selection methods. [a dictionary of settings of select]"""
    train: TrainOptions | TrainSettings
    """The training of every arm. [a dictionary of settings of train]"""
    generate: GenerateOptions | GenerateSettings
    """The images drawn per training. [a dictionary of settings of generate]"""
    evaluate: EvaluateOptions | EvaluateSettings
    """The judge. [a dictionary of settings of evaluate]"""



class PreviewOptions(TypedDict, total=False):
    """Settings of ``preview``; see `PreviewSettings`."""

    name: str
    """Name of the preview; the same name resumes it. [default: 'preview']"""
    arms: list[str]
    """What to preview: full, a selection method, or the name of a selection, a saved view or a tag; ARM-less-5 is ARM without its worst 5 percent by harm. [default: ['full', 'random', 'coreset', 'typicality']]"""
    budget: int
    """How many samples a selection method chooses. [>= 1; default: 1000]"""
    random_draws: int
    """How often random draws anew: a band that other arms are compared with. [>= 1; <= 50; default: 5]"""
    count: int
    """Pictures drawn per arm and noise seed. [>= 8; <= 100000; default: 200]"""
    noise_seeds: list[int]
    """Every arm draws from the same noise, once per seed. [default: [0, 1]]"""
    steps: int
    """Noise levels on the way to a picture. [>= 2; <= 1000; default: 12]"""
    image_size: int
    """Side of the pictures in pixels. [>= 8; <= 1024; a multiple of 8; default: 128]"""
    decide_size: int
    """Analytic model: side in pixels at which a picture is decided, before it is rendered at image_size. [>= 8; <= 128; a multiple of 8; default: 32]"""
    windows: Literal['rule', 'covariance']
    """Analytic model: how wide a window is at a noise level, by a fixed rule or by the covariance of the training images. [default: 'rule']"""
    horizontal_flip: bool
    """Use every image mirrored too. [default: True]"""
    held_out: float
    """Share of the images that no arm may use; the metrics compare with them. [> 0; <= 0.8; default: 0.2]"""
    group_field: str | None
    """Sample field, such as the photographer: images that share its value stay on one side."""
    variations: int
    """Training images per arm that a drawing is begun at, to see which make bad ones; 0 judges harm by the drawings from pure noise. [>= 0; default: 1000]"""
    fields: bool
    """Write use and harm, and the sources of each drawing, to the data sets. [default: True]"""
    device: Literal['auto', 'cpu', 'cuda', 'mps']
    """Where to draw; auto takes a GPU when there is one. [default: 'auto']"""
    embed: EmbedOptions | EmbedSettings
    """The encoder that the selection sees with. [a dictionary of settings of embed]"""
    select: SelectOptions | SelectSettings
    """Options of the selection methods. [a dictionary of settings of select]"""
    evaluate: EvaluateOptions | EvaluateSettings
    """The judge. [a dictionary of settings of evaluate]"""



class ArmOptions(TypedDict, total=False):
    """Settings of ``arm``; see `ArmSettings`."""

    name: Required[str]
    """Name of the arm."""
    method: Literal['full'] | Literal['random', 'coreset', 'typicality', 'facility-location', 'zcore', 'typiclust', 'kmeans', 'densest', 'top', 'herding', 'hierarchical-kmeans', 'transport', 'difficulty', 'preview-harm']
    """full takes the whole pool; the others are selection methods. [default: 'full']"""
    budget: int | None
    """Samples to choose; by default the study's. [>= 1]"""
    steps: int | None
    """Optimizer steps; by default the study's. [>= 1]"""
    draws: int | None
    """How often it chooses anew; by default the study's for random, else once. [>= 1]"""
    tag: str | None
    """Only images of the pool that have this tag."""
    view: str | None
    """Only images of the pool that are in this saved view."""
    without: str | None
    """FIELD=VALUE: only images of the pool whose field has another value."""
    options: dict[str, int | float | str | bool | None]
    """Options of the method for this arm alone, such as {alpha: 2, weight_field: quality}. [default: {}]"""



class RateOptions(TypedDict, total=False):
    """Settings of ``rate``; see `RateSettings`."""

    name: str | None
    """Name of the study; by default the data set's."""
    by: str
    """Field whose values are the arms to compare. [default: 'arm']"""
    arms: list[str] | None
    """Compare only these values of the field; by default all that there are."""
    tags: list[str] | None
    """Compare the samples with these tags, two or more, instead of a field's values."""
    images_per_arm: int
    """How many images of each arm, drawn at random. [>= 1; default: 200]"""
    votes_per_rater: int
    """After how many pairs a rater is thanked. [>= 1; <= 10000; default: 60]"""
    same_noise: bool
    """Pair images that were drawn from the same noise; needs equal image seeds. [default: False]"""
    both_bad: bool
    """Offer \"both are bad\" beside \"not sure\". [default: False]"""
    repeats: float
    """Share of pairs shown to their rater again, sides swapped. [>= 0; <= 0.5; default: 0.05]"""
    golden_better: str | None
    """Tag of images that anyone would prefer to those of golden_worse."""
    golden_worse: str | None
    """Tag of images that anyone would reject."""
    golden_share: float
    """Share of pairs with such a known answer. [>= 0; <= 0.5; default: 0.05]"""
    size: int | None
    """Side in pixels at which images are sent; by default the images' own side, enlarged by whole pixels to at least 256. [>= 16; <= 2048]"""
    question: str
    """What raters are asked. [default: 'Which picture is better?']"""
    seed: int
    """Seed of the images drawn and of the order of pairs. [>= 0; <= 9007199254740992; default: 0]"""



class RatePlanOptions(TypedDict, total=False):
    """Settings of ``rate plan``; see `RatePlanSettings`."""

    effect: float
    """True share of votes for the better arm, ties left out. [> 0.5; < 1; default: 0.6]"""
    arms: int
    """How many arms are compared. [>= 2; <= 100; default: 2]"""
    raters: int
    """How many people vote. [>= 1; default: 8]"""
    tie_rate: float
    """Share of votes that will be \"not sure\". [>= 0; < 1; default: 0.2]"""
    icc: float
    """Correlation of two votes of one rater on the same arms. [>= 0; < 1; default: 0.01]"""
    power: float
    """Chance of telling the arms apart. [> 0; < 1; default: 0.8]"""
    alpha: float
    """Chance of telling any two equal arms apart. [> 0; < 1; default: 0.05]"""
    seconds_per_vote: float
    """Time that a vote takes. [> 0; default: 4.0]"""
