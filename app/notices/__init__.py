"""Security mails: telling owners what happened at their accounts, from the events that say so.

Each mail says when, from where and by what device, and carries the link "this was not me". A subscriber may be told of
an event twice; by the event's id its mail is written once. What carries a code, or a link that changes something, is
mailed by the feature that makes it, in its own transaction.
"""
