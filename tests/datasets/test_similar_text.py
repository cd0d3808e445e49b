"""Queries in words, by the text half of the model that embedded the images."""

from __future__ import annotations

import copy
import hashlib
import json
import shlex
import sys
import types
from types import SimpleNamespace

import curadiff
import numpy as np
import open_clip
import pytest
import torch
from curadiff import encoders
from curadiff.cli import main
from curadiff.common.errors import DataError, SettingsError, WeightsError
from curadiff.datasets.similarity import takes_text
from curadiff.encoders import tokenizers
from curadiff.operators.embeddings import IndexSimilarity
from safetensors.torch import load_file, save_file

MODEL, WORDS, K = "ViT-small-test", "a red dress", 7
ENCODER = f"open_clip:{MODEL}"


@pytest.fixture(scope="module")
def clip(tmp_path_factory, small_clip):
    """A CLIP model with random weights, and its file."""
    assert small_clip == MODEL
    torch.manual_seed(0)
    network = open_clip.create_model(MODEL, load_weights=False).eval()
    file = tmp_path_factory.mktemp("weights") / "clip.safetensors"
    save_file({key: x.contiguous().clone() for key, x in network.state_dict().items()}, file)
    return network, file


@pytest.fixture
def indexed(dataset, clip, home):
    """A data set with embeddings by it, whose weights are where weights are looked for."""
    file = home / "weights" / f"{ENCODER.replace(':', '-')}.safetensors"
    file.parent.mkdir(parents=True)
    file.symlink_to(clip[1])
    curadiff.embed(dataset, encoder=ENCODER, weights=str(file), field="clip", progress=False)
    return dataset


def by_cosine(dataset, network):
    """Sample ids by their cosine with the words, computed by open_clip alone."""
    with torch.inference_mode():
        text = network.encode_text(open_clip.get_tokenizer(MODEL)([WORDS])).numpy()[0]
    text = text.astype(np.float64) / np.linalg.norm(text)
    cosines = np.stack(dataset.values("clip")).astype(np.float64) @ text
    order = np.argsort(-cosines)
    return np.array(dataset.values("id"))[order].tolist(), cosines[order]


def test_words_find_the_images_of_the_greatest_cosine(indexed, clip, capsys):
    ids, cosines = by_cosine(indexed, clip[0])
    found = curadiff.similar(indexed, text=WORDS, count=K)
    assert found.ids == found.view.values("id") == ids[:K]
    np.testing.assert_allclose(found.cosines, cosines[:K], atol=1e-5)
    assert main(["similar", indexed.name, "--text", WORDS, "--count", "3", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert [one["id"] for one in answer["images"]] == ids[:3]
    half = curadiff.similar(indexed.limit(20), text=WORDS, count=100)
    assert half.ids == [id for id in ids if id in set(indexed.limit(20).values("id"))]


def test_the_app_sorts_by_words_too(indexed, clip, capsys):
    assert main(["map", indexed.name, "--similar"]) == 0
    assert "or type what to look for" in capsys.readouterr().out
    indexed.reload()
    assert takes_text(indexed, "similar_clip")
    ids, _ = by_cosine(indexed, clip[0])
    # As in another process: FiftyOne loads index and model by what is stored.
    results = indexed.load_brain_results("similar_clip", cache=False)
    assert results._model is None
    assert results.sort_by_similarity(WORDS, k=K).values("id") == ids[:K]
    found = indexed.sort_by_similarity(WORDS, k=K, brain_key="similar_clip").values("id")
    assert found == ids[:K]
    config = indexed.get_brain_info("map_clip").config
    assert config.similarity_index == "similar_clip"


def test_what_has_no_words_says_why(indexed, clip, home):
    (home / "weights").rename(home / "elsewhere")
    with pytest.raises(WeightsError, match="are not where weights are looked for; give the file"):
        curadiff.similar(indexed, text=WORDS)
    with pytest.warns(UserWarning, match="takes images and no text: the weights of open_clip:"):
        key = curadiff.index_similarity(indexed)
    assert not takes_text(indexed, key)
    ctx = SimpleNamespace(dataset=indexed, params={"field": "clip"}, executor=None)
    with pytest.warns(UserWarning, match="takes images and no text"):
        message = IndexSimilarity().perform(ctx)["message"]
    assert "It takes no text, for the weights of the CLIP model could not be loaded" in message
    assert message.endswith(f"curadiff map {indexed.name} --similar --weights FILE")
    own = str(clip[1])
    assert main(["map", indexed.name, "--similar", "--weights", own]) == 0
    indexed.reload()
    assert takes_text(indexed, key)
    assert curadiff.similar(indexed, text=WORDS, weights=own, count=2).ids
    assert takes_text(indexed, curadiff.index_similarity(indexed, weights=own))
    other = home / "other.safetensors"
    save_file({"x": torch.ones(1)}, other)
    for call in (lambda **a: curadiff.similar(indexed, text=WORDS, **a), None):
        call = call or (lambda **a: curadiff.index_similarity(indexed, **a))
        with pytest.raises(WeightsError, match="is not the weights file that the images were"):
            call(weights=str(other))
    curadiff.embed(indexed, encoder="builtin", progress=False)
    with pytest.raises(DataError, match=r"by builtin.*, which does not know words; embed with a"):
        curadiff.similar(indexed, text=WORDS, field="builtin")
    with pytest.raises(DataError, match="the text is empty"):
        curadiff.similar(indexed, text=" ", field="clip", weights=own)


def test_a_checkpoint_of_the_image_half_alone_is_refused(indexed, clip, home):
    state = load_file(clip[1])
    file = home / "visual.safetensors"
    save_file({key: x for key, x in state.items() if key.startswith("visual.")}, file)
    curadiff.embed(
        indexed, encoder=ENCODER, weights=str(file), field="half", overwrite=True, progress=False
    )
    with pytest.raises(WeightsError, match=r"image half of .* alone, .*; embed the images with"):
        curadiff.similar(indexed, text=WORDS, field="half", weights=str(file))
    with pytest.raises(WeightsError, match=r"FiftyOne cannot load .*; embed the images with a"):
        curadiff.index_similarity(indexed, field="half", weights=str(file))


class Tree(torch.nn.Module):
    """Tensors under dotted names, in half precision."""

    def __init__(self, tensors):
        super().__init__()
        for head in dict.fromkeys(key.partition(".")[0] for key in tensors):
            if head in tensors:
                self.register_buffer(head, tensors[head])
                continue
            below = {k.partition(".")[2]: x for k, x in tensors.items() if k.startswith(f"{head}.")}
            self.add_module(head, Tree(below))

    def forward(self, x):
        return x


def test_an_archive_as_openai_publishes_them_serves_images_and_words(indexed, clip, home):
    network = copy.deepcopy(clip[0]).half().float()
    sizes = {"input_resolution": 224, "context_length": 77, "vocab_size": 49408}
    tensors = {key: x.detach().half() for key, x in network.state_dict().items()}
    tensors |= {key: torch.tensor(value) for key, value in sizes.items()}
    file = home / "archive.pt"
    torch.jit.script(Tree(tensors)).save(str(file))
    given = {"field": "clip", "weights": str(file)}
    curadiff.embed(indexed, encoder=ENCODER, overwrite=True, progress=False, **given)
    ids, cosines = by_cosine(indexed, network)
    answer = curadiff.similar(indexed, text=WORDS, count=K, **given)
    assert answer.ids == ids[:K]
    np.testing.assert_allclose(answer.cosines, cosines[:K], atol=1e-5)
    with pytest.raises(WeightsError, match=r"is a TorchScript archive, .* FiftyOne does not read"):
        curadiff.index_similarity(indexed, **given)


@pytest.mark.parametrize("model", ["ViT-B-16-SigLIP", "roberta-ViT-B-32"])
def test_a_tokenizer_of_the_hub_is_read_from_this_machine_alone(model, home, monkeypatch):
    home.mkdir(exist_ok=True)
    (home / "weights.pt").write_bytes(b"any")
    digest = hashlib.sha256(b"any").hexdigest()[:16]
    given = {"key": f"open_clip:{model}|{digest}|pixels", "weights": str(home / "weights.pt")}
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(WeightsError, match=r"needs the package transformers.*pip install transf"):
        encoders.text_encoder(**given)
    asked, here = [], {"AutoTokenizer": False, "AutoConfig": False}

    class Loader:
        def __init__(self, kind):
            self.kind = kind

        def from_pretrained(self, repo, *, local_files_only=False, **_):
            asked.append((self.kind, repo, local_files_only))
            if not here[self.kind]:
                raise OSError(f"{repo} is not in the cache.\nMore.")

    fake = types.ModuleType("transformers")
    for kind in here:
        setattr(fake, kind, Loader(kind))
    monkeypatch.setitem(sys.modules, "transformers", fake)
    config = (open_clip.get_model_config(model) or {})["text_cfg"]
    repo = config["hf_tokenizer_name"]
    advice = rf"the tokenizer of {model} .*not in the cache\.\); .*AutoTokenizer.*'{repo}'"
    with pytest.raises(WeightsError, match=advice):
        encoders.text_encoder(**given)
    here["AutoTokenizer"] = True
    if "hf_model_name" in config:
        with pytest.raises(WeightsError, match=rf"the config of {model} .*AutoConfig"):
            encoders.text_encoder(**given)
    here["AutoConfig"] = True
    assert encoders.text_encoder(**given).model == model
    assert tokenizers.load_tokenizer(model).tokenizer is None
    assert all(local for *_, local in asked)


def test_an_image_finds_those_like_it_and_they_are_saved(indexed):
    x = np.stack(indexed.values("clip")).astype(np.float64)
    ids, paths = indexed.values(["id", "filepath"])
    nearest = [ids[at] for at in np.argsort(-(x @ x[5]))[:K]]
    assert nearest[0] == ids[5]
    for image in (ids[5], paths[5], paths[5].rsplit("/", 1)[-1]):
        assert curadiff.similar(indexed, image=image, count=K).ids == nearest
    for count in (K, 3):  # a second query takes the place of the first
        curadiff.similar(indexed, image=ids[5], count=count, save="like five")
        assert indexed.load_saved_view("like five").values("id") == nearest[:count]
    curadiff.similar(indexed, image=ids[5], count=4, save="Like Five")  # the same to FiftyOne
    assert indexed.list_saved_views() == ["Like Five"]
    assert indexed.load_saved_view("Like Five").values("id") == nearest[:4]
    indexed.save_view("theirs", indexed.limit(1))
    with pytest.raises(DataError, match="saved view 'theirs' that Curadiff did not make; choose"):
        curadiff.similar(indexed, image=ids[5], save="theirs")
    curadiff.clean(indexed, yes=True)
    assert indexed.list_saved_views() == ["theirs"]


def test_a_wrong_map_is_refused_before_an_index_is_made(indexed, capsys, monkeypatch):
    monkeypatch.setattr("curadiff.workflows.mapping.has_umap", lambda: False)
    for method, why in (("ump", "method must be one of"), ("umap", "UMAP is not installed")):
        assert main(["map", indexed.name, "--similar", "--method", method]) != 0
        assert why in capsys.readouterr().err
    indexed.reload()
    assert indexed.list_brain_runs() == []


def test_the_command_that_comes_next_can_be_pasted(indexed, capsys):
    image = indexed.first().id
    assert main(["similar", indexed.name, "--image", image, "--save", "red dress"]) == 0
    text = "".join(capsys.readouterr())
    line = next(one for one in text.splitlines() if "curadiff select" in one)
    words = shlex.split(line[line.index("curadiff select") :])
    assert words[2:4] == [f"{indexed.name}:red dress", "--budget"]


def test_wrong_questions_are_refused(indexed):
    for given in ({}, {"text": "a", "image": "b"}):
        with pytest.raises(SettingsError, match="give either text or image"):
            curadiff.similar(indexed, **given)
    with pytest.raises(SettingsError, match="count must be >= 1, got 0"):
        curadiff.similar(indexed, text="a", count=0)
    with pytest.raises(DataError, match=r"no sample of the view .* has the id or file 'nobody'"):
        curadiff.similar(indexed, image="nobody")
    with pytest.raises(DataError, match=r"has no embeddings 'clop' \(did you mean 'clip'"):
        curadiff.similar(indexed, text="a", field="clop")


def test_the_activation_is_that_of_the_embeddings():
    key = "open_clip:ViT-S-32-alt-quickgelu|0123456789abcdef|pixels|float32"
    assert encoders.has_text(key)
    with pytest.raises(WeightsError, match="the weights of open_clip:ViT-S-32-alt-quickgelu"):
        encoders.text_encoder(key)
    assert not encoders.has_text("timm:resnet18|0|pixels|float32")
