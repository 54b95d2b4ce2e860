"""Webhooks: telling other systems by HTTP what happened here.

An *endpoint* is a URL that is told of chosen types of events, with *secrets* that sign what it is told. A *delivery* is
one event for one endpoint; an *attempt* is one sending of it. Deliveries of one endpoint about one object form a
*lane*: only its first one that is open is ever sent, so that a receiver learns of an object's changes in their order.

Always holds: a delivery exists if and only if the change of its event was committed while the endpoint listened; it
carries the same `webhook-id` and the same body in every attempt; no secret, token or hash is in a body.
"""
