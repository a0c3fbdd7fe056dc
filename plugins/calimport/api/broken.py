"""What stands in the app's place where it could not be built: Airflow itself must come up."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.responses import JSONResponse


def broken_app(error: Exception, name: str) -> FastAPI:
    """An app that answers every request with 503, and says that ``name`` is missing."""
    app = FastAPI(openapi_url=None)
    reason = f"{name} could not be started: {type(error).__name__}. The API server's log says more."

    @app.api_route("/{path:path}", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    def unavailable(path: str) -> JSONResponse:
        return JSONResponse({"detail": reason}, 503)

    return app
