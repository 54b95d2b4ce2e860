"""What Keycloak's clients say of themselves for signing people in."""

from app.transfer.keycloak.client_metadata import metadata
from app.transfer.keycloak.report import Report

URIS = ("https://shop.example.com/callback",)


def test_what_fits_is_taken_over_and_the_rest_is_reported():
    report = Report(dry_run=False)
    client = {
        "clientId": "shop",
        "consentRequired": True,
        "webOrigins": ["+", "https://www.example.com", "*"],
        "frontchannelLogout": True,
        "attributes": {
            "post.logout.redirect.uris": "+##https://shop.example.com/bye##javascript:alert(1)",
            "backchannel.logout.url": "https://shop.example.com/out",
            "frontchannel.logout.url": "https://shop.example.com/front",
            "logoUri": "javascript:alert(1)",
            "policyUri": "https://shop.example.com/privacy",
        },
    }
    assert metadata(client, URIS, report, native=False) == {
        "consent_required": True,
        "allowed_origins": ("https://shop.example.com", "https://www.example.com"),
        "post_logout_redirect_uris": (*URIS, "https://shop.example.com/bye"),
        "backchannel_logout_uri": "https://shop.example.com/out",
        "backchannel_logout_session_required": True,
        "policy_uri": "https://shop.example.com/privacy",
    }
    lost = str(report.losses)
    assert "web origin *" in lost
    assert "front-channel" in lost
    assert lost.count("javascript:alert(1)") == 2
