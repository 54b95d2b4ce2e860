"""The only place where services are built and joined: the ground first, then a module for each group of features.

A module here builds the services of its features from the ground and returns them; `build` joins what crosses
features. Nothing is connected while building: `Services.open` does that.
"""

from app.services import Services, startup_origin
from app.wiring.build import build

__all__ = ["Services", "build", "startup_origin"]
