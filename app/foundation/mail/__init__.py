"""Mail: written in the transaction of the change that it speaks of, delivered by the worker.

The *outbox* is the table `mails`. A mail exists if and only if the change committed; its row is the truth of its
delivery, and what it says is encrypted until it is sent and gone afterwards. Templates and the values that each
takes: `messages.py`.
"""
