"""What a server starts: `uvicorn todo_api.main:app --port 8003`."""

from todo_api.application import create_app
from todo_api.settings import Settings

app = create_app(Settings())
