"""Where SAML providers send browsers back to: answers, logout messages, and our own metadata.

An answer comes by another site's form, and browsers bring none of our cookies with it. It is judged there and then,
*parked* under an id that counts once, and taken by the request after it, which brings the cookie of its flow.
"""
