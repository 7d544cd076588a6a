"""Whatever the description allows, and much that it does not, is sent to every route."""

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import openapi
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

CHECKS = [not_a_server_error, content_type_conformance, response_schema_conformance, status_code_conformance]


@pytest.fixture
def api(client, registry, make_version, ada, admin):
    """The description as the server gives it, of a registry with something in it."""
    for text in ("One.", "Two."):
        registry.push(make_version(text=text), actor=ada)
    registry.put_label("support/reply@1", "production", actor=ada)
    found = openapi.from_url(f"{client.base_url}/api/v1/openapi.json", headers=admin)
    # A stream has no end to wait for.
    return found.exclude(path="/api/v1/events")


@settings(max_examples=10, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def ask(data, operation, headers):
    """Send what the description allows."""
    operation_case = data.draw(operation.as_strategy())
    operation_case.call_and_validate(headers=headers, checks=CHECKS, timeout=20)


def test_no_request_breaks_the_server_or_the_description(api, admin, subtests):
    for found in api.get_all_operations():
        with subtests.test(found.ok().label):
            ask(operation=found.ok(), headers=admin)


def test_every_route_of_the_api_is_described(client, admin, app):
    described = httpx.get(f"{client.base_url}/api/v1/openapi.json", headers=admin).json()["paths"]
    for path, methods in described.items():
        for operation in methods.values():
            assert operation["responses"].keys() >= {"401", "422"} or path in {"/healthz", "/readyz", "/metrics"}
    assert "/api/v1/promotions" in described
