"""Refusals of imports."""

from app.foundation.errors import Conflict, NotFound


class ImportNotFound(NotFound):
    """No import has this id."""

    code, title = "import_not_found", "There is no such import"


class ImportRunning(Conflict):
    """Another process works on this import."""

    code, title = "import_running", "This import is being worked on elsewhere"


class ImportDiffers(Conflict):
    """The stream does not begin with what the import has read before."""

    code, title = "import_differs", "This is not the stream that the import began with"
