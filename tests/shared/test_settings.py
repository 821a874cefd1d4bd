"""Settings: all faults at once, defaults pinned, and the sample file in step with them."""

import json
from pathlib import Path

import pytest

from shared.contracts.steps import Category
from shared.errors import SettingsInvalid
from shared.settings import Settings
from tests.samples import ENVIRONMENT, settings

SAMPLE = Path(__file__).parents[2] / "local.settings.sample.json"


def test_all_faults_are_named_at_once() -> None:
    broken = ENVIRONMENT | {
        "BLAST_STORAGE_ACCOUNT": "Not An Account",
        "BLAST_SIDECAR_TOKEN": "short",
        "BLAST_WATCH_PACE": "often",
        "BLAST_NO_SUCH_THING": "1",
    }
    del broken["BLAST_REGION"]
    with pytest.raises(SettingsInvalid) as caught:
        Settings.read(broken)
    named = {fault.where for fault in caught.value.faults}
    assert named == {
        "BLAST_STORAGE_ACCOUNT",
        "BLAST_SIDECAR_TOKEN",
        "BLAST_WATCH_PACE",
        "BLAST_NO_SUCH_THING",
        "BLAST_REGION",
    }


def test_the_local_mode_refuses_to_start_on_azure() -> None:
    with pytest.raises(SettingsInvalid, match="not on Azure"):
        Settings.read(ENVIRONMENT | {"WEBSITE_INSTANCE_ID": "x"})


def test_no_secret_is_shown() -> None:
    shown = repr(settings(sidecar_token="s3cret" * 8, storage_connection="AccountKey=s3cret"))
    assert "s3cret" not in shown


def test_every_category_has_retry_options() -> None:
    assert {settings().retry(category).first.total_seconds() for category in Category} == {
        15,
        60,
        30,
        20,
        10,
    }


def test_the_sample_file_shows_every_setting_with_its_default() -> None:
    values = json.loads(SAMPLE.read_text())["Values"]
    sample = {name: value for name, value in values.items() if name.startswith("BLAST_")}
    assert {name.removeprefix("BLAST_").lower() for name in sample} == set(Settings.model_fields)
    read = Settings.read(sample)
    for name, field in Settings.model_fields.items():
        if not field.is_required():
            assert getattr(read, name) == field.default, name
