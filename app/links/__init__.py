"""Links in mails, each good for one act.

A *link* has a *kind*, which says what it is for, and carries a token of 256 random bits, of which only the hash is
kept. It is spent by one statement, so that of two uses at once one wins. Of every kind but `wasnt_me` a user has one
at most: a newer one takes the older one's place. Their addresses are built from PUBLIC_URL alone.
"""
