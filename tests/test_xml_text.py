"""XML from a provider: nothing in it is expanded or fetched, and what is no XML is an error of ours."""

from __future__ import annotations

import pytest

from calimport import xml_text
from calimport.errors import FeedUnparsable
from tests.web import Reply, serve

LAUGHS = (
    "<!DOCTYPE a [<!ENTITY x0 'ha'>"
    + "".join(f"<!ENTITY x{n} '{f'&x{n - 1};' * 10}'>" for n in range(1, 12))
    + "]><a>&x11;</a>"
)


def test_elements_names_and_text() -> None:
    root = xml_text.loads(
        '<?xml version="1.0"?><d:a xmlns:d="DAV:"><d:b>\U0001d11e &amp; <![CDATA[<x>]]></d:b></d:a>'.encode()
    )

    assert [(one.tag, one.text) for one in root.iter()] == [("{DAV:}a", None), ("{DAV:}b", "\U0001d11e & <x>")]


def test_the_declared_encoding_is_read() -> None:
    assert xml_text.loads("<?xml version='1.0' encoding='iso-8859-1'?><a>Café</a>".encode("latin-1")).text == "Café"


@pytest.mark.parametrize(
    "content",
    [
        LAUGHS,
        "<!DOCTYPE a [<!ENTITY big '" + "x" * 100_000 + "'>]><a>" + "&big;" * 10_000 + "</a>",
        "<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>",
        "<!DOCTYPE a [<!ENTITY f SYSTEM 'file:///etc/hostname'>]><a>&f;</a>",
        "<!DOCTYPE a [<!ENTITY % p SYSTEM 'http://127.0.0.1:1/x.dtd'> %p;]><a/>",
        "<!DOCTYPE a><a/>",
        "<a>&unknown;</a>",
        "<a><b></a>",
        "<a/><a/>",
        "<?xml version='1.0' encoding='utf-7'?><a/>",
        "<?xml version='1.0' encoding='no-such-thing'?><a/>",
        "<a>\x00</a>",
        "",
        "null",
    ],
)
def test_what_is_hostile_or_no_xml_is_an_error_that_quotes_nothing(content: str) -> None:
    with pytest.raises(FeedUnparsable) as raised:
        xml_text.loads(content.encode())

    assert raised.value.__cause__ is None
    assert content[:20] not in raised.value.detail or not content


def test_nothing_is_fetched() -> None:
    with serve() as web:
        web.routes["/x.dtd"] = Reply(b"<!ENTITY f 'fetched'>")
        for document in (
            f"<!DOCTYPE a SYSTEM '{web.url('/x.dtd')}'><a>&f;</a>",
            f"<!DOCTYPE a [<!ENTITY f SYSTEM '{web.url('/x.dtd')}'>]><a>&f;</a>",
            f"<?xml-stylesheet href='{web.url('/x.dtd')}'?><a xmlns='{web.url('/x.dtd')}'/>",
        ):
            try:
                xml_text.loads(document.encode())
            except FeedUnparsable:
                continue
        assert web.asked == []


def test_deep_nesting_is_read_or_refused() -> None:
    root = xml_text.loads(b"<a>" * 50_000 + b"</a>" * 50_000)

    assert root.tag == "a"
    del root
