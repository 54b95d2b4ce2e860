"""Moving users in and out in bulk.

A *line* is one user as a JSON object; a stream of lines is read and written in constant memory. An *import* has an id
by which a stream that broke off goes on where it stopped.
"""
