"""Writing a document out."""

import yaml

from app.admin.configuration.document import Document


def as_yaml(document: Document) -> str:
    """The document as YAML that `read_document` reads back the same. What has its default is not said."""
    value = {"version": 1, **document.model_dump(mode="json", exclude_defaults=True)}
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=100)
