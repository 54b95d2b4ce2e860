"""The names of auth_service_sdk, under a shorter import."""

from auth_service_sdk import *  # noqa: F403
from auth_service_sdk import __all__ as __all__
