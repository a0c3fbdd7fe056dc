"""Filters, order, and what is refused, on one database that no test changes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from calimport import database, store
from calimport.store.refusals import FieldInvalid, FilterInvalid
from dev import postgres
from tests.store_client import imported, user

#: 2026-11-20T10:00:00Z
TEN = 1795168800
HOUR = 3600

FILTERS = [
    ({}, ["Swim", "Tea_1", "100% tea", None, "Imported"]),
    ({"title": "Swim"}, ["Swim"]),
    ({"title__exact": "swim"}, []),
    ({"title__iexact": "swim"}, ["Swim"]),
    ({"title__in": ["Swim", "100% tea"]}, ["Swim", "100% tea"]),
    ({"title__contains": "tea"}, ["100% tea"]),
    ({"title__icontains": "tea"}, ["Tea_1", "100% tea"]),
    ({"title__icontains": "%"}, ["100% tea"]),
    ({"title__contains": "_"}, ["Tea_1"]),
    ({"title__startswith": "100%"}, ["100% tea"]),
    ({"title__isnull": True}, [None]),
    ({"title__isnull": "false", "by_hand": "true"}, ["Swim", "Tea_1", "100% tea"]),
    ({"title": "' or 1=1 --"}, []),
    ({"start__gte": TEN + HOUR}, ["100% tea", None, "Imported"]),
    ({"start__gt": str(TEN + HOUR)}, [None, "Imported"]),
    ({"start__lt": TEN + HOUR}, ["Swim", "Tea_1"]),
    ({"start__gte": TEN, "end__lte": TEN + 2 * HOUR}, ["Swim", "Tea_1", "100% tea"]),
    ({"end__lte": TEN + HOUR}, ["Swim", "Tea_1"]),
    ({"end__lt": TEN + HOUR}, ["Tea_1"]),
    ({"end": TEN + 2 * HOUR}, ["100% tea"]),
    ({"end__range": [TEN + HOUR, TEN + 2 * HOUR]}, ["Swim", "100% tea"]),
    ({"end__gt": TEN + 2 * HOUR}, [None, "Imported"]),
    ({"start__range": [TEN, TEN + HOUR]}, ["Swim", "Tea_1", "100% tea"]),
    ({"start__range": f"{TEN},{TEN + HOUR}"}, ["Swim", "Tea_1", "100% tea"]),
    ({"start": TEN}, ["Swim", "Tea_1"]),
    ({"reminders__contains": TEN - 600}, ["Swim"]),
    ({"reminders__contains": [TEN - 600, TEN - 60]}, ["Swim"]),
    ({"reminders__contains": [TEN - 600, TEN]}, []),
    ({"reminders__isnull": False}, ["Swim"]),
    ({"activity_type__in": "medication,exercise"}, ["Tea_1", "Imported"]),
    ({"calendar_name": "Club"}, ["Imported"]),
    ({"by_hand": False}, ["Imported"]),
    ({"user": "ANNA"}, ["Swim", "Tea_1"]),
    ({"user": "/api/v1/user/ANNA/"}, ["Swim", "Tea_1"]),
    ({"user__isnull": True}, ["100% tea", None, "Imported"]),
    ({"status__in": ["cancelled", "tentative"]}, ["Tea_1"]),
    ({"order_by": "-start,title"}, ["Imported", None, "100% tea", "Swim", "Tea_1"]),
    ({"order_by": ["-title"], "title__isnull": False}, ["Tea_1", "Swim", "Imported", "100% tea"]),
]


@pytest.fixture(scope="module")
def filled(postgres_host: str, template: str) -> Iterator[int]:
    """Five activities; the id of Anna, whose two of them are."""
    postgres.create_database(postgres_host, "store_filters", template=template)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_CONN_CALIMPORT_DB", postgres.airflow_connection(postgres_host, "store_filters"))
        with database.connect() as connection:
            anna = user(connection, "Anna")
            imported(connection, start_at="2026-11-20T15:00Z", end_at="2026-11-20T16:00Z")
        store.activity_save(title="Swim", start=TEN, end=TEN + HOUR, user=anna, reminders=[TEN - 600, TEN - 60])
        store.activity_save(title="Tea_1", start=TEN, user=anna, activity_type="medication", status="cancelled")
        store.activity_save(title="100% tea", start=TEN + HOUR, end=TEN + 2 * HOUR)
        store.activity_save(start=TEN + 2 * HOUR, end=TEN + 3 * HOUR)
        yield anna
    postgres.drop_database(postgres_host, "store_filters")


def titles(**given) -> list[str | None]:
    return [found["title"] for found in store.activity_get(**given)]


@pytest.mark.parametrize(("given", "found"), FILTERS, ids=str)
def test_filters_and_order(filled, given, found):
    given = {
        name: value.replace("ANNA", str(filled)) if isinstance(value, str) else value for name, value in given.items()
    }
    assert titles(**given) == found


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"titel": "x"}, "'titel' is not a filter. Did you mean title? There are: id__exact, id__in, "),
        ({"title__regex": "x"}, "'title__regex' is not a filter."),
        ({"start__contains": "1"}, "'start__contains' is not a filter."),
        ({"reminders": 1}, "'reminders' is not a filter."),
        ({"password": "x"}, "'password' is not a filter."),
        ({"id; drop table events": "1"}, "is not a filter."),
        ({"title__exact__": "1"}, "is not a filter."),
        ({"title": ""}, "The filter title has no value."),
        ({"user": None}, "The filter user has no value."),
        ({"id__in": []}, "The filter id__in has no value."),
        ({"id__in": "1,,2"}, "The filter id__in has no value."),
        ({"id": "1 or 1=1"}, "The filter id takes a whole number."),
        ({"id": 2**63}, "The filter id takes a whole number."),
        ({"id": 1.5}, "The filter id takes a whole number."),
        ({"id": [1, 2]}, "The filter id is given 2 values and takes one."),
        ({"id__in": list(range(1001))}, "The filter id__in has more than 1000 values."),
        ({"title": "a\0"}, "The filter title takes text without NUL."),
        ({"start": "2026-11-20"}, "The filter start takes a whole number."),
        ({"start": 10**12}, "start must be epoch seconds of the years 1 to 9999"),
        ({"start__range": [1]}, "start__range needs two values"),
        ({"title__isnull": "perhaps"}, "The filter title__isnull takes true or false."),
        ({"order_by": "password"}, "'password' is nothing to order by. There are: id, user, "),
        ({"order_by": "start desc"}, "'start desc' is nothing to order by."),
        ({"order_by": "reminders"}, "'reminders' is nothing to order by."),
    ],
    ids=str,
)
def test_an_unknown_or_empty_filter_is_an_error_that_names_it(filled, given, message):
    with pytest.raises(FilterInvalid) as refused:
        store.activity_get(**given)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"titel": "x"}, "titel: is not a key here."),
        ({"calendar_id": 1}, "Not a user's to write: calendar_id."),
        ({"by_hand": False, "creator": {}}, "Not a user's to write: creator, by_hand."),
        ({"start": TEN, "end": TEN - 1}, "end must not be before start."),
        ({"start": 10**12}, "start: must be at most 253402300799"),
        ({"start": "tomorrow"}, "start: "),
        ({"start": True}, "start: "),
        ({"status": "perhaps"}, "status: "),
        ({"user": 4711}, "user: there is no user 4711."),
        ({"user": "/api/v1/user/4711/"}, "user: there is no user 4711."),
        ({"html_link": "javascript:alert(1)"}, "html_link is nothing that can be kept."),
        ({"iCalUID": "\x00"}, "iCalUID is nothing that can be kept."),
        ({"activity_type": "Not a slug"}, "activity_type: "),
        ({"color": {"background": "url(x)"}}, "color.background: "),
        ({"id": "1; drop table events"}, "id: must be a whole number over zero."),
        ({"title": "\ud800"}, "title: "),
        ({"id": True}, "id: must be a whole number over zero."),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_field(filled, given, message):
    with pytest.raises(FieldInvalid) as refused:
        store.activity_save(**given)
    assert message in str(refused.value)
    assert len(store.activity_get()) == 5
