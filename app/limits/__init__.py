"""How often one may try: the limits of this service by name, and the alarm of sprayed passwords.

A *source* is an IPv4 address or an IPv6 /64, a *network* an IPv4 /24 or an IPv6 /48. A *place* is an account together
with a source from which it has signed in. No address and no e-mail address reaches Valkey: keys are keyed digests.
"""
