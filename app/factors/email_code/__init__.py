"""The mailed code: six digits that prove the mailbox of a user's address.

A *challenge* waits for the code of one mail. It is kept as a keyed hash, is good for a few minutes and a few tries,
and is deleted by the right answer. For one act of one user there is one challenge: a newer one takes its place. The
code of a mail is worth nothing without the challenge, which whoever asked for it alone can answer.
"""
