"""The variables by which each of Azure's plans shows itself (docs/contracts/azure.md)."""

from collections.abc import Mapping

PLATFORMS: Mapping[str, Mapping[str, str]] = {
    "flex-consumption": {
        "WEBSITE_SITE_NAME": "func-abcdefghijklm",
        "WEBSITE_SKU": "FlexConsumption",
        "WEBSITE_POD_NAME": "pod-0",
        "CONTAINER_NAME": "container-0",
        "LEGION_SERVICE_HOST": "10.0.0.1",
    },
    "app-service": {
        "WEBSITE_SITE_NAME": "func-abcdefghijklm",
        "WEBSITE_SKU": "PremiumV3",
        "WEBSITE_INSTANCE_ID": "0" * 64,
    },
    "container-apps": {"CONTAINER_APP_NAME": "func-abcdefghijklm"},
}
"""Flex Consumption sets no WEBSITE_INSTANCE_ID, and Container Apps no WEBSITE_ variable."""
