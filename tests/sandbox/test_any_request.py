"""Whatever is sent to the sandbox, as Gong's document has it or not: no fault, Gong's answer."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import examples
from tests.gong_document import FACTS, answer_schema, document
from tests.sandbox.test_api import loosened, misfits
from tests.target.target_run import company

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gong_sandbox import Sandbox

GONG = FACTS / "gong-openapi.json"
OPERATIONS: list[Any] = (
    [
        (method.upper(), path)
        for path, operations in document()["paths"].items()
        for method in operations
    ]
    if GONG.exists()
    else [pytest.param("", "", marks=pytest.mark.skip(f"Gong's OpenAPI document is not at {GONG}"))]
)
# As in other documents of Gong's, or real answers, these are of another form.
ELSEWHERE = {"/v2/flows/folders"}


@functools.cache
def described() -> Any:
    return schemathesis.openapi.from_dict(document())


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with company() as found:
        yield found


@pytest.mark.fuzz
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
@examples(1)
@given(data=st.data())
def test_no_request_brings_a_fault(sandbox, method, path, data):
    modes = st.sampled_from(schemathesis.GenerationMode)
    operation = described()[path][method]
    case = data.draw(operation.as_strategy(generation_mode=data.draw(modes)))
    answer = case.call(base_url=sandbox.url, auth=(sandbox.access_key, sandbox.access_key_secret))
    assert answer.status_code < 500, answer.content
    if answer.status_code >= 400:
        if answer.status_code not in {404, 405}:
            assert answer.json()["requestId"]
            assert answer.json()["errors"]
    elif path not in ELSEWHERE and answer.content:
        assert not misfits(answer.json(), loosened(answer_schema(method, path)))
