"""Configuration as code: what an administrator sets up, as one document, read out and brought about.

A *kind* is a sort of thing that the document has (audiences, roles, …), an *entry* is one of them as the document says
it. What `apply-config` has created is *owned*: only that is ever removed, and only when asked for.
"""
