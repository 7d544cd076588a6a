import numpy as np

from promptship.models import VectorCache
from promptship.models._vectors import vector_key


def test_a_vector_is_found_again_by_another_cache_of_the_file(tmp_path):
    vector = np.array([0.25, -1.5, 3.0], dtype=np.float32)
    key = vector_key("m", "text")
    first = VectorCache(tmp_path / "v.db")
    assert first.get([key]) == {}
    first.put(key, vector)
    first.close()
    second = VectorCache(tmp_path / "v.db")
    found = second.get([vector_key("m", "other"), key])
    assert {key: row.tolist() for key, row in found.items()} == {key: vector.tolist()}
    second.close()


def test_model_and_text_make_the_key():
    keys = {vector_key(model, text) for model in ("a", "b") for text in ("x", "y", "\ud800")}
    assert len(keys) == 6
