"""Whatever bytes a file holds, it is read or refused in a sentence: never another error, never a hang.

``benchmarks/fuzz.py`` tries many more.
"""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fuzzing import Kind, corpus, damaged, outcome

NAMES = (
    "JPEG",
    "PNG",
    "WEBP",
    "TIFF",
    "GIF",
    "BMP",
    "zip",
    "tar",
    "tar.gz",
    "npy",
    "npz",
    "CSV of labels",
    "annotation of VOC",
    "YAML of options",
    "checkpoint",
    "spec.json",
    "log.jsonl",
    "safetensors",
    "index of a store",
)


@pytest.fixture(scope="module")
def kinds(tmp_path_factory) -> dict[str, Kind]:
    return {kind.name: kind for kind in corpus(tmp_path_factory.mktemp("corpus"))}


def test_every_kind_is_tried(kinds):
    assert set(kinds) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_whole_file_is_read(name, kinds):
    assert outcome(kinds[name], kinds[name].content) == "read"


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.data())
def test_a_damaged_file_is_read_or_refused(name, kinds, data):
    kind = kinds[name]
    assert outcome(kind, data.draw(damaged(kind))) in ("read", "refused")
