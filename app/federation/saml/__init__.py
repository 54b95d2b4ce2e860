"""SAML 2.0 identity providers: the connector of kind `saml`, and what it keeps.

To a provider we are one *service provider* for each connection, named by the address of its metadata. One *key pair*
of the deployment signs our requests and opens what is encrypted for us. An assertion counts once, everywhere: it is
noted when it is accepted. A *session* here is the provider's own, as its logout messages name it.
"""
