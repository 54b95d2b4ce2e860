import json

import pytest
from pydantic import ValidationError

from app.audiences.settings import AudienceSettings
from app.protocols.jose.algorithms import Algorithm


def test_the_documented_example_is_read():
    (example,) = AudienceSettings.model_fields["declared"].examples
    (declared,) = AudienceSettings.model_validate({"declared": json.loads(example)}).declared
    definition = declared.definition()
    assert definition.name == "orders-api"
    assert definition.scopes == {"orders:read": None, "orders:write": "orders:write"}
    assert definition.signing_algorithm is Algorithm.ES256
    assert definition.access_token_seconds == 300


@pytest.mark.parametrize(
    ("declared", "fault"),
    [
        ([{"name": "self"}], "name"),
        ([{"name": "a", "claims": ["sub"]}], "reserved"),
        ([{"name": "a", "signing_algorithm": "HS256"}], "signing_algorithm"),
        ([{"name": "a", "scope": {}}], "scope"),
        ([{"name": "a"}, {"name": "a"}], "declared twice"),
    ],
)
def test_a_wrong_declaration_names_its_fault(declared, fault):
    with pytest.raises(ValidationError, match=fault):
        AudienceSettings.model_validate({"declared": declared})
