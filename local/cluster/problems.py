"""The API's refusals: each is an exception that knows its Kubernetes `Status` body."""

from local.cluster.kinds import Json, ResourceKind


class ApiError(Exception):
    """A request that is answered with a `Status` of kind Failure. `code` is the HTTP status."""

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


def _about(kind: ResourceKind, name: str) -> Json:
    return {"name": name, "group": kind.group, "kind": kind.plural}


def unauthorized() -> ApiError:
    return ApiError(401, "Unauthorized", "Unauthorized")


def bad_request(message: str) -> ApiError:
    return ApiError(400, "BadRequest", message)


def not_found(kind: ResourceKind, name: str) -> ApiError:
    return ApiError(404, "NotFound", f'{kind.qualified} "{name}" not found', _about(kind, name))


def already_exists(kind: ResourceKind, name: str) -> ApiError:
    message = f'{kind.qualified} "{name}" already exists'
    return ApiError(409, "AlreadyExists", message, _about(kind, name))


def conflict(kind: ResourceKind, name: str, why: str) -> ApiError:
    message = f'Operation cannot be fulfilled on {kind.qualified} "{name}": {why}'
    return ApiError(409, "Conflict", message, _about(kind, name))


def invalid(kind: ResourceKind, name: str, field: str, why: str) -> ApiError:
    """An object that was understood and cannot be: `field` is the JSON path at fault."""
    cause = {"reason": "FieldValueInvalid", "message": why, "field": field}
    message = f'{kind.name} "{name}" is invalid: {field}: {why}'
    return ApiError(422, "Invalid", message, {**_about(kind, name), "causes": [cause]})


def expired(message: str) -> ApiError:
    return ApiError(410, "Expired", message)
