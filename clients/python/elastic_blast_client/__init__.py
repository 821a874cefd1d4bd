"""Client of the ElasticBLAST control plane: see docs/client.md."""

from elastic_blast_client.client import AsyncClient, Client
from elastic_blast_client.errors import (
    BlastError,
    Conflict,
    HitsMissing,
    Invalid,
    NotAllowed,
    NotFound,
    NotSignedIn,
    Refused,
    SearchFailed,
    TooLarge,
    TryAgain,
)
from elastic_blast_client.models import Fault, Job, ResultFile

__all__ = [
    "AsyncClient",
    "BlastError",
    "Client",
    "Conflict",
    "Fault",
    "HitsMissing",
    "Invalid",
    "Job",
    "NotAllowed",
    "NotFound",
    "NotSignedIn",
    "Refused",
    "ResultFile",
    "SearchFailed",
    "TooLarge",
    "TryAgain",
]
