"""What is no JSON, and is named by its field; malformed URLs."""

import json
from typing import Any

import pytest

from shared.errors import Invalid, Malformed
from tests.support.samples import settings
from triggers.submission.json_body import json_object, lenient_json_object
from triggers.submission.parse import parse


def faults(text: str) -> list[tuple[str, str]]:
    with pytest.raises(Invalid) as caught:
        json_object(text.encode())
    return [(fault.path, fault.message) for fault in caught.value.faults]


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ('{"db": "nt", "db": "nr"}', "db"),
        ('{"db": "nt", "db": "nt"}', "db"),
        ('{"db": 1, "\\u0064b": 2, "db": 3}', "db"),
        ('{"options": {"evalue": 1, "evalue": 2}}', "options.evalue"),
        ('{"searches": [{}, {"db": 1, "db": 2}]}', "searches.1.db"),
        ('{"options": {}, "options": {"evalue": 1}}', "options"),
    ],
)
def test_a_repeated_name_is_refused(text: str, path: str) -> None:
    assert faults(text) == [(path, "is given more than once")]


@pytest.mark.parametrize(
    ("text", "path", "name"),
    [
        ('{"evalue": NaN}', "evalue", "nan"),
        ('{"options": {"evalue": Infinity}}', "options.evalue", "inf"),
        ('{"searches": [{"evalue": -Infinity}]}', "searches.0.evalue", "-inf"),
        ('{"evalue": 1e999}', "evalue", "inf"),
        ('{"options": {"evalue": -1.0E+400}}', "options.evalue", "-inf"),
    ],
)
def test_a_number_that_json_does_not_have_is_refused(text: str, path: str, name: str) -> None:
    assert faults(text) == [(path, f"{name} is not a number in JSON")]


def test_all_faults_are_named_in_a_deep_body() -> None:
    deep = '{"a":' * 300 + '{"b": 1, "b": NaN}' + "}" * 300
    assert len(faults(deep)) == 1
    assert {path for path, _ in faults('{"a": NaN, "b": 1, "b": 2}')} == {"a", "b"}
    assert len(faults("[".join(['{"a": ', "NaN," * 200 + "NaN]}"]))) == 100


@pytest.mark.parametrize("text", ["", "x", "[]", "null", '{"a": 01}', '{"a": .5}', '{"a": 1,}'])
def test_a_body_that_is_no_object_is_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        json_object(text.encode())


def test_a_senders_ids_are_read_from_a_body_with_faults() -> None:
    assert lenient_json_object(b'{"request_id": "a", "db": 1, "db": NaN}')["request_id"] == "a"


@pytest.mark.parametrize("field", ["db", "query_blob_url"])
@pytest.mark.parametrize(
    "url",
    [
        *("https://[x", "https://[::1", "https://[::1]]/a", "https://[v1.x]/a", "az://[", "az://]"),
        *(
            "https://",
            "https:///x",
            "az://",
            "://x",
            "https://stgelb.blob.core.windows.net:99999/x",
        ),
        *(
            "https://stgelb.blob.core.windows.net:a/blast-db/x",
            "https://u:p@h/x",
            "https://\uff0e/",
        ),
        *("https://stgelb.blob.core.windows.net", "http://[::ffff:1.2.3]/x", "https://h]/x", "[]"),
    ],
)
def test_a_malformed_url_is_a_fault_of_its_field(field: str, url: str) -> None:
    body: dict[str, Any] = {"program": "blastn", "db": "16S", "query_data": ">q\nACGT"}
    if field == "query_blob_url":
        del body["query_data"]
    with pytest.raises(Invalid) as caught:
        parse(json_object(json.dumps(body | {field: url}).encode()), settings())
    assert [fault.path for fault in caught.value.faults] == [field]
