"""What a client may redeem at the token endpoint: one file for each grant type, the contract in `grant_type.py`."""
