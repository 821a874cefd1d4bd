"""Request ids, requests and pages, as the clients of the URL API read them."""

import re
from xml.parsers.expat import ExpatError, ParserCreate

import pytest
from Bio.Blast import NCBIWWW

from shared.errors import Invalid, Malformed
from shared.url_api import pages
from shared.url_api.get import Format, read_get
from shared.url_api.request import FORM, read_parameters
from shared.url_api.rid import job_id_of, rid_of

RID = "0123456789ABCDEF" * 2


class Handle:
    """What urlopen returns."""

    def __init__(self, text: str) -> None:
        self._text = text

    def read(self) -> bytes:
        return self._text.encode()


def test_a_rid_is_reversible_and_has_letters_and_digits_only() -> None:
    job_id = "job-" + "0123456789abcdef" * 2
    assert rid_of(job_id) == RID
    assert job_id_of(RID) == job_id_of(RID.lower()) == job_id


@pytest.mark.parametrize("rid", ["", "X" * 32, RID[:-1], RID + "0", f"{RID}\n", "job-1"])
def test_another_text_is_no_rid(rid: str) -> None:
    assert job_id_of(rid) is None


def test_each_client_finds_the_rid() -> None:
    page = pages.accepted(RID, 12)
    assert NCBIWWW._parse_qblast_ref_page(Handle(page)) == (RID, 12)
    bioperl = [re.match(r"^\s+RID\s+=\s+(\S+)", line) for line in page.splitlines()]
    assert [match[1] for match in bioperl if match] == [RID]
    assert re.findall(r"\n    RTOE = (\d+)\n", page) == ["12"]
    comment = re.search(r"<!--(.*?)-->", page, re.DOTALL)  # as R takes it
    assert comment and re.sub(r"(?s).*RID = ([A-Za-z0-9]+).*", r"\1", comment[1]) == RID


def test_biopython_shows_the_words_of_a_refusal() -> None:
    page = pages.refused("validation_error", ["QUERY: has\na <fault> & more", "EXPECT: x"])
    with pytest.raises(ValueError, match="QUERY: has a &lt;fault&gt; &amp; more; EXPECT: x"):
        NCBIWWW._parse_qblast_ref_page(Handle(page))


@pytest.mark.parametrize("state", ["WAITING", "FAILED", "UNKNOWN"])
def test_a_state_is_followed_by_a_line_end_and_no_xml(state: str) -> None:
    page = pages.status(state)
    assert page.startswith("<!DOCTYPE html")
    assert f"Status={state}\n" in page
    with pytest.raises(ExpatError):  # R tries to parse it as XML, and waits if it cannot
        ParserCreate().Parse(page, True)


@pytest.mark.parametrize(("has_hits", "word"), [(True, "yes"), (False, "no")])
def test_search_info_says_whether_there_are_hits(has_hits: bool, word: str) -> None:
    assert f"Status=READY\n\tThereAreHits={word}\n" in pages.status("READY", has_hits)


def test_names_are_in_any_case_and_in_query_and_body() -> None:
    read = read_parameters("cmd=Put&Expect=", b"PROGRAM=blastn&query=%3Eq%0AAC+GT", FORM)
    assert read == {"CMD": "Put", "PROGRAM": "blastn", "QUERY": ">q\nAC GT"}


def test_the_same_value_twice_is_one() -> None:
    assert read_parameters("CMD=Get&cmd=Get", b"CMD=Get", "") == {"CMD": "Get"}


def test_two_values_are_refused() -> None:
    with pytest.raises(Invalid, match="EXPECT: has two different values"):
        read_parameters("EXPECT=1", b"expect=2", FORM)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"{}", "application/json"),
        (b"--x", "multipart/form-data; boundary=x"),
        (b"QUERY=%FF", FORM),
        (b"QUERY=\xff", FORM),
        (b"a=1&" * 300, FORM),
    ],
    ids=["json", "multipart", "not-utf-8", "not-encoded", "too-many"],
)
def test_another_body_is_refused(body: bytes, content_type: str) -> None:
    with pytest.raises(Malformed):
        read_parameters("", body, content_type)


def test_get_reads_the_least_limit() -> None:
    request, faults = read_get({"RID": RID, "ALIGNMENTS": "50", "DESCRIPTIONS": "100"})
    assert not faults
    assert (request.most_subjects, request.format) == (50, Format.XML)


@pytest.mark.parametrize(
    ("parameters", "name"),
    [
        *(
            ({"FORMAT_TYPE": kind}, "FORMAT_TYPE")
            for kind in ("Text", "HTML", "JSON2", "XML2", "x")
        ),
        ({"FORMAT_OBJECT": "PSSM"}, "FORMAT_OBJECT"),
        ({"ALIGNMENTS": "-1"}, "ALIGNMENTS"),
        ({"ALIGNMENT_VIEW": "Tabular"}, "ALIGNMENT_VIEW"),
        ({"EXPECT_LOW": "1"}, "EXPECT_LOW"),
        ({"HITLIST_SIZE": "1"}, "HITLIST_SIZE"),
        ({"NCBI_GI": "on"}, "NCBI_GI"),
        ({"UNHEARD": "on"}, "UNHEARD"),
    ],
    ids=str,
)
def test_get_refuses_by_name(parameters: dict[str, str], name: str) -> None:
    faults = read_get({"RID": RID, **parameters})[1]
    assert [fault.path for fault in faults] == [name]
