"""Every request that this service sends: who may be reached, how long it may take, how much is read.

*Egress* is the judgement of a target; *outbound* is the sending. Addresses are looked up once, judged, and connected
to as judged, so that a name which changes its mind in between gains nothing. No proxies of the environment, no
redirects: whoever answers with one has answered.
"""
