"""The form of a storage connection string, as Azure's SDKs for Python accept it."""

import base64
from urllib.parse import urlsplit

DEVELOPMENT = "UseDevelopmentStorage=true"
"""Stands for Azurite on its default ports."""
_ENDPOINTS = ("blobendpoint", "queueendpoint", "tableendpoint")


def check_connection_string(text: str) -> str:
    """Return the text: empty, or a connection string of an account with a credential.

    Raises ValueError, which quotes no value: they are secrets.
    """
    if not text or text == DEVELOPMENT:
        return text
    values = _parse(text)
    if "accountname" not in values:
        raise ValueError("AccountName is missing")
    if "accountkey" not in values and "sharedaccesssignature" not in values:
        raise ValueError("AccountKey or SharedAccessSignature is missing")
    if not _is_base64(values.get("accountkey", "")):
        raise ValueError("AccountKey is not base64")
    if not all(_is_url(values[name]) for name in _ENDPOINTS if name in values):
        raise ValueError("an endpoint is not a URL")
    return text


def _parse(text: str) -> dict[str, str]:
    """The values by their names in lower case; SDKs ignore the case, too."""
    pairs = [part.partition("=")[::2] for part in text.rstrip(";").split(";")]
    values = {name.lower(): value for name, value in pairs}
    if len(values) != len(pairs) or not all(name and value for name, value in pairs):
        raise ValueError("must be NAME=VALUE pairs, separated by semicolons, each name once")
    return values


def _is_base64(text: str) -> bool:
    try:
        base64.b64decode(text, validate=True)
    except ValueError:
        return False
    return True


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # such as a port of 99999
        return False
