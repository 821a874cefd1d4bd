"""The app's dependencies with a test's settings, on Azurite."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from local.azurite import ACCOUNT, Azurite
from shared.dependencies import Dependencies
from shared.settings import Settings
from tests.support.samples import ENVIRONMENT

NO_PLATFORM: Mapping[str, str] = {}


@asynccontextmanager
async def opened(
    azurite: Azurite, platform: Mapping[str, str] = NO_PLATFORM, **changes: str
) -> AsyncIterator[Dependencies]:
    """Dependencies with these changes to the sample settings; closed at the end.

    `platform` has the variables that Azure itself sets.
    """
    changes = {
        "storage_account": ACCOUNT,
        "storage_connection_string": azurite.connection_string,
        **changes,
    }
    named = {f"BLAST_{name.upper()}": text for name, text in changes.items()}
    dependencies = Dependencies(lambda: Settings.read({**ENVIRONMENT, **platform, **named}))
    try:
        yield dependencies
    finally:
        await dependencies.aclose()
