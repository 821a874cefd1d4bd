"""Whether the app is alive."""

from azure.functions import HttpRequest, HttpResponse

from triggers.answers import answer, answered


@answered
def alive(req: HttpRequest) -> HttpResponse:
    """GET /api/health"""
    return answer({"status": "ok"})
