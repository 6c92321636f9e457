"""A recording of a gigabyte: little memory, and about as fast as the network lets it."""

from __future__ import annotations

import os
import shutil

import pytest

from benchmarks.upload import against_curl

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "wait4"), reason="needs wait4 to measure a child's memory"),
    pytest.mark.skipif(shutil.which("curl") is None, reason="no curl to compare with"),
]


def test_a_gigabyte_in_little_memory_at_half_of_what_curl_does():
    ratio, megabytes = against_curl(megabytes=1024)
    print(f"\n1 GB: {megabytes:.0f} MB resident, {ratio:.2f} x the speed of curl -F")
    assert megabytes < 120
    assert ratio >= 0.5
