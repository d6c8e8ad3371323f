"""A few seconds of what `benchmarks/fuzz.py` does for longer: whatever the bytes, a value or a sentence."""

import pytest
from hypothesis import HealthCheck, given, settings

from tests.security.readers import READERS, refused


@pytest.mark.parametrize("name", READERS)
def test_every_input_is_read_or_refused_in_one_sentence(name):
    reader = READERS[name]()

    @settings(max_examples=25, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(reader.inputs)
    def holds(data):
        refused(reader.read, data)

    holds()
