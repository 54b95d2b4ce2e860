"""Pages to which other sites send their users by forms of theirs."""

from starlette.requests import Request
from starlette.responses import Response

from app.foundation.pages import leaving_opener
from app.foundation.routing import Handler, Router, StrictRoute


class OpenPageRoute(StrictRoute):
    """A route of pages that acts on other sites' forms: that is what it is for. Its refusals are pages.

    Browsers send no cookie along with another site's form, so that it acts for nobody by itself.
    """

    def get_route_handler(self) -> Handler:
        """The handler, whose refusals are pages."""
        handle = super().get_route_handler()

        async def serve(request: Request) -> Response:
            request.scope["state"]["page"] = True
            return await handle(request)

        return leaving_opener(serve)


class OpenPageRouter(Router):
    """Such pages. They stand in no OpenAPI document."""

    def __init__(self, *, tags: list[str]) -> None:
        super().__init__(tags=tags)
        self.route_class = OpenPageRoute
        self.include_in_schema = False
