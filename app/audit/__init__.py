"""The paper trail: every security-relevant act, written in the transaction of the change itself.

An *event* is a past fact in a feature's words. Recording one writes its entry in the log and its row in
`events`, from which webhooks and mail are fanned out; both exist if and only if the change committed.
"""
