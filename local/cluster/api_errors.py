"""API errors: exceptions with their Kubernetes `Status` body."""

from local.cluster.resources import Json, ResourceKind


class ApiError(Exception):
    """An error response with a `Status` body. `code` is the HTTP status."""

    def __init__(self, code: int, reason: str, message: str, details: Json | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.details = details

    def body(self) -> Json:
        return {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": str(self),
            "reason": self.reason,
            **({"details": self.details} if self.details else {}),
            "code": self.code,
        }


def _details(kind: ResourceKind, name: str) -> Json:
    return {"name": name, "group": kind.group, "kind": kind.plural}


def unauthorized() -> ApiError:
    return ApiError(401, "Unauthorized", "Unauthorized")


def bad_request(message: str) -> ApiError:
    return ApiError(400, "BadRequest", message)


def not_found(kind: ResourceKind, name: str) -> ApiError:
    return ApiError(404, "NotFound", f'{kind.qualified} "{name}" not found', _details(kind, name))


def already_exists(kind: ResourceKind, name: str) -> ApiError:
    message = f'{kind.qualified} "{name}" already exists'
    return ApiError(409, "AlreadyExists", message, _details(kind, name))


def conflict(kind: ResourceKind, name: str, reason_text: str) -> ApiError:
    message = f'Operation cannot be fulfilled on {kind.qualified} "{name}": {reason_text}'
    return ApiError(409, "Conflict", message, _details(kind, name))


def invalid(kind: ResourceKind, name: str, field: str, reason_text: str) -> ApiError:
    """A well-formed but invalid object: `field` is the JSON path at fault."""
    cause = {"reason": "FieldValueInvalid", "message": reason_text, "field": field}
    message = f'{kind.name} "{name}" is invalid: {field}: {reason_text}'
    return ApiError(422, "Invalid", message, {**_details(kind, name), "causes": [cause]})


def quota_exceeded(kind: ResourceKind, name: str, used: int, limit: int) -> ApiError:
    """One object more than a quota allows."""
    counted = f"count/{kind.qualified}"
    message = (
        f'{kind.qualified} "{name}" is forbidden: exceeded quota: local, requested: {counted}=1,'
        f" used: {counted}={used}, limited: {counted}={limit}"
    )
    return ApiError(403, "Forbidden", message, _details(kind, name))


def expired(message: str) -> ApiError:
    return ApiError(410, "Expired", message)
