"""What `doctor` looks at: one module for each thing, each of which answers with findings and never raises.

A *finding* is one line of the table. A *fault* keeps the service from working right, a *warning* does not, and a
thing that cannot be looked at before another is mended is *skipped*. Every fault and warning names its cure.
"""
