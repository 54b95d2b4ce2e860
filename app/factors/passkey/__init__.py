"""Passkeys: discoverable as a first factor, otherwise a second; several per user. Spec: WebAuthn Level 3.

A challenge is made for one act, lives five minutes and is used once. Relying party and origin come from PUBLIC_URL.
"""
