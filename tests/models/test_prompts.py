"""Prompts: what training sees, and what it must not."""

import pytest

from lit_emotalk.emotions import COMPOUNDS, EMOTIONS
from lit_emotalk.models import prompts


def test_every_emotion_has_words_and_held_out_words_apart():
    assert set(prompts.WORDS) == set(prompts.HELD_OUT_WORDS) == set(EMOTIONS)
    trained = {word for words in prompts.WORDS.values() for word in words}
    kept_out = [word for words in prompts.HELD_OUT_WORDS.values() for word in words]
    assert len(kept_out) == len(set(kept_out)) >= 40
    assert not trained & set(kept_out)


def test_no_training_prompt_holds_a_held_out_word():
    texts = {prompt for emotion in EMOTIONS for prompt in prompts.training_prompts(emotion, 60)}
    words = {word for text in texts for word in text.replace("-", " ").split()}
    for word, _ in prompts.held_out():
        assert not set(word.replace("-", " ").split()) <= words, word


def test_prompts_are_different_and_use_every_word_first():
    for emotion in EMOTIONS:
        texts = prompts.training_prompts(emotion, 60)
        assert len(set(texts)) == 60
        for word in prompts.WORDS[emotion]:
            assert any(word in text for text in texts[: len(prompts.WORDS[emotion])])


def test_too_many_prompts_are_refused():
    with pytest.raises(ValueError, match="vocabulary"):
        prompts.training_prompts("happy", 10_000)


def test_compounds_fill_every_template():
    assert len(prompts.compound_prompts("sadly angry")) == len(prompts.TEMPLATES)
    assert all("sadly angry" in text for text in prompts.compound_prompts("sadly angry"))
    assert set(COMPOUNDS).isdisjoint(EMOTIONS)
    with pytest.raises(KeyError):
        prompts.compound_prompts("happy")
