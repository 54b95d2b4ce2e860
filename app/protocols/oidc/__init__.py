"""OpenID Connect: which scope opens which claims, what an ID token says, how claims are mapped, as pure rules."""
