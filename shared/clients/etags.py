"""ETags in one form, whatever storage sends."""


def quoted(etag: object) -> str:
    """An ETag as HTTP headers have it: in quotes.

    Azure's lists and Azurite's have none, headers have them, and neither is promised.
    """
    return '"' + str(etag).removeprefix("W/").strip('"') + '"'
