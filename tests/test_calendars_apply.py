"""``calimport calendars apply``: a file for Git. Errors with file, line and key; a plan; all of it or nothing."""

from __future__ import annotations

import re
import shlex
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner

from calimport import calendars, calendars_apply, configuration, database
from calimport.calendars import CalendarConfig
from calimport.cli import main
from calimport.errors import ConfigurationError

DOCS = (Path(__file__).parents[1] / "docs" / "configuration.md").read_text(encoding="utf-8")
FILE = """\
defaults:
  timezone: Europe/London
  days_ahead: 30
users:
  Anna:
    email: anna@example.org
    airflow_users: anna,carer , anna
partners:
  City library:
    contact_name: Bo
    contact_email: library@example.org
places:
  Town hall:
    address: 1 Market Square, Norwich
    postcode: NR2 1TF
    country: GB
    partner: City
calendars:
  - name: Library
    source: https://example.org/library.ics
    organiser: City library
    user: Anna
  - name: Hall
    source: https://example.org/hall.ics
    strategy: place
    place: Town hall
    interval: 1h
    days_ahead: 90
"""
MINIMAL = "calendars:\n- {name: Library, source: 'https://example.org/library.ics'}\n"


@pytest.fixture
def apply(tmp_path, monkeypatch):
    """Runs the command on a text, from the folder of its file, as a person does."""
    monkeypatch.chdir(tmp_path)

    def run(text, *options):
        (tmp_path / "calendars.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
        result = CliRunner().invoke(main, ["calendars", "apply", "calendars.yaml", *options])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


def names(connection):
    connection.rollback()  # to see what the command has committed
    return [one.config.name for one in calendars.list_all(connection)]


def test_a_file_is_applied_once(apply, connection):
    first = apply(FILE)
    assert first.output == (
        "+ add user Anna\n"
        "+ add partner City library\n"
        "+ add partner City\n"
        "+ add place Town hall\n"
        "+ add Library\n"
        "+ add Hall\n"
        "= 0 unchanged\n"
        "Applied.\n"
    )
    assert calendars.get(connection, "Library").config == CalendarConfig(
        name="Library",
        source="https://example.org/library.ics",
        timezone="Europe/London",
        user="Anna",
        organiser="City library",
        days_ahead=30,
    )
    assert calendars.get(connection, "Hall").config.days_ahead == 90
    place = connection.execute(
        "select places.address, places.postcode, places.country, places.match_venues, partners.name as partner"
        " from calimport.places inner join calimport.partners on places.partner_id = partners.id"
    ).fetchone()
    assert place == {
        "address": "1 Market Square, Norwich",
        "postcode": "NR2 1TF",
        "country": "GB",
        "match_venues": True,
        "partner": "City",
    }
    named = connection.execute("select airflow_users from calimport.users").fetchone()
    assert named == {"airflow_users": "anna, carer"}
    second = apply(FILE)
    assert (second.exit_code, second.output) == (0, "= 2 unchanged\nNothing to do.\n")


def test_only_what_differs_is_changed(apply, connection):
    apply(FILE)
    changed = (
        FILE.replace("interval: 1h", "interval: 2h")
        .replace("NR2 1TF", "NR2 1TD")
        .replace("anna@example.org", "anna@example.com")
    )
    assert apply(changed).output == (
        "~ change user Anna  email: anna@example.org → anna@example.com\n"
        "~ change place Town hall  postcode: NR2 1TF → NR2 1TD\n"
        "~ change Hall  interval: 1h → 2h\n"
        "= 1 unchanged\n"
        "Applied.\n"
    )
    assert apply(changed).output.endswith("Nothing to do.\n")


def test_a_dry_run_changes_nothing(apply, connection):
    result = apply(FILE, "--dry-run")
    assert result.output.endswith("+ add Hall\n= 0 unchanged\nNot applied: --dry-run.\n")
    assert names(connection) == []
    assert connection.execute("select count(*) as n from calimport.users").fetchone()["n"] == 0


def test_prune_pauses_and_never_deletes(apply, connection):
    apply(FILE)
    left = FILE[: FILE.index("  - name: Hall")]
    assert apply(left).output == (
        "= 1 unchanged\n? 1 not in the file, left alone (--prune would pause them)\nNothing to do.\n"
    )
    assert apply(left, "--prune").output == "|| pause Hall\n= 1 unchanged\nApplied.\n"
    connection.rollback()
    assert [one.config.enabled for one in calendars.list_all(connection)] == [False, True]
    assert apply(left, "--prune").output == "= 1 unchanged\nNothing to do.\n"
    assert apply(FILE).output == "~ change Hall  enabled: false → true\n= 1 unchanged\nApplied.\n"


def test_prune_with_no_calendar_is_refused(apply, connection):
    apply(FILE)
    result = apply("calendars: []\n", "--prune")
    assert result.exit_code == 1
    assert "The file names no calendar, so --prune would pause every one. Pause them by name." in result.stderr


def test_a_calendar_of_the_command_line_is_taken_over_by_its_name(apply, connection):
    CliRunner().invoke(main, ["calendars", "add", "Library", "https://example.org/old.ics"])
    assert apply(MINIMAL).output == (
        "~ change Library  source: https://example.org/old.ics → https://example.org/library.ics\n"
        "= 0 unchanged\n"
        "Applied.\n"
    )


def test_two_calendars_may_exchange_their_sources(apply, connection):
    text = "calendars:\n- {name: A, source: 'https://x.org/%s'}\n- {name: B, source: 'https://x.org/%s'}\n"
    apply(text % (1, 2))
    assert apply(text % (2, 1)).exit_code == 0
    connection.rollback()
    assert [one.config.source for one in calendars.list_all(connection)] == ["https://x.org/2", "https://x.org/1"]


def test_private_addresses_are_hidden_and_warned_of(apply, connection):
    secret = "https://calendar.google.com/calendar/ical/a%40b.org/private-0123456789abcdef/basic.ics"
    apply(MINIMAL)
    result = apply(MINIMAL.replace("https://example.org/library.ics", secret))
    assert (
        "~ change Library  source: https://example.org/library.ics → https://calendar.google.com/…\n" in result.stdout
    )
    assert "Warning: the address of Library looks private" in result.stderr
    assert "0123456789abcdef" not in result.output


def test_a_changed_place_makes_calendars_due_that_may_show_it(apply, connection):
    apply(FILE)
    connection.execute("update calimport.calendars set imported_fingerprint = 'x', next_import_at = '2030-01-01Z'")
    connection.commit()

    apply(FILE.replace("NR2 1TF", "NR2 1TD"))

    rows = connection.execute(
        "select name, imported_fingerprint is null as anew, next_import_at is null as due"
        " from calimport.calendars order by name"
    ).fetchall()
    assert rows == [{"name": "Hall", "anew": True, "due": True}, {"name": "Library", "anew": True, "due": False}]


def test_values_are_what_is_written_not_what_yaml_guesses(apply, connection):
    apply(
        """
        places:
          Rådhuset: {country: NO, postcode: 01067, address: 2026-11-22}
        calendars:
        - {name: 2026-11-22, source: 'https://x.org/', place: Rådhuset, days_back: "3", interval: 90, enabled: off}
        """
    )
    config = calendars.get(connection, "2026-11-22").config
    assert (config.days_back, calendars.shown("interval", config.interval), config.enabled) == (3, "1h30m", False)
    place = connection.execute("select name, country, postcode, address from calimport.places").fetchone()
    assert place == {"name": "Rådhuset", "country": "NO", "postcode": "01067", "address": "2026-11-22"}


def test_an_empty_value_takes_back_a_default_of_the_file(apply, connection):
    apply(FILE.replace("    user: Anna\n", "    user: Anna\n    timezone:\n"))
    assert calendars.get(connection, "Library").config.timezone is None


CALENDAR = "- {name: A, source: 'https://x.org/'%s}"

ERRORS = [
    ("", ["1: is empty."]),
    ("# nothing but a comment\n", ["1: is empty."]),
    ("just text\n", ["1: must be a mapping (key: value), not a single value."]),
    ("- a\n- b\n", ["1: must be a mapping (key: value), not a list."]),
    ("places: {}\n", ["1: calendars: is required: a list, which may be empty ([])."]),
    ("calendars: x\n", ["1: calendars: must be a list (- name: …), not a single value."]),
    ("calendars: {a: {}}\n", ["1: calendars: must be a list (- name: …), not a mapping."]),
    ("calendars:\n- just a name\n", ["2: calendars[0]: must be a mapping (key: value), not a single value."]),
    ("calendars:\n-\n", ["2: calendars[0]: is empty."]),
    ("calendar:\n- {}\ncalendars: []\n", ["1: calendar: is not a key here. Did you mean calendars?"]),
    (
        "calendars:\n- name: A\n  nmae: B\n",
        [
            "3: calendars[0].nmae: is not a key here. Did you mean name?",
            "2: calendars[0].source: is required, unless `connection` names an Airflow connection that holds the "
            "address.",
        ],
    ),
    (
        "calendars:\n- name: A\n  source: https://x.org/\n  name: B\n",
        ["4: calendars[0].name: is given twice; the first is on line 2."],
    ),
    ("calendars: []\nplaces: {}\ncalendars: []\n", ["3: calendars: is given twice; the first is on line 1."]),
    ("calendars:\n- name: A\n  source: [x]\n", ["3: calendars[0].source: must be a single value, not a list."]),
    ("calendars:\n- name: A\n  source: {a: b}\n", ["3: calendars[0].source: must be a single value, not a mapping."]),
    ("calendars:\n- name:\n  source: https://x.org/\n", ["2: calendars[0].name: must not be empty."]),
    ("calendars:\n- source: https://x.org/\n", ["2: calendars[0].name: is required."]),
    (
        f"calendars:\n{CALENDAR % ', days_back: many'}\n",
        ["2: calendars[0].days_back: must be a whole number, not 'many'."],
    ),
    (f"calendars:\n{CALENDAR % ', days_back:'}\n", ["2: calendars[0].days_back: must not be empty."]),
    (
        f"calendars:\n{CALENDAR % ''}\n- name: B\n  source: https://y.org/\n\n  strategy: plce\n",
        [
            "6: calendars[1].strategy: 'plce' is none of place, event, event_override, room_number, no_location, "
            "online_only. Did you mean place?"
        ],
    ),
    (f"calendars:\n{CALENDAR % ', strategy: place'}\n", ["2: calendars[0].strategy: 'place' needs a `place`."]),
    (
        f"calendars:\n{CALENDAR % ''}\n- {{name: A, source: 'https://y.org/'}}\n",
        ["3: calendars[1].name: 'A' is the name of the calendar on line 2 too."],
    ),
    (
        "calendars: [{name: A, source: 'https://x.org/'}, {name: A, source: 'https://y.org/'}]\n",
        ["1: calendars[1].name: 'A' is the name of the calendar on line 1 too."],
    ),
    (
        f"calendars:\n{CALENDAR % ''}\n- {{name: B, source: 'https://x.org/'}}\n",
        ["3: calendars[1].source: the calendar on line 2 has the same source, connection, user and activity type."],
    ),
    (
        f"places: {{Town hall: }}\ncalendars:\n{CALENDAR % ', place: Town hal'}\n",
        [
            "3: calendars[0].place: there is no place named 'Town hal'. Did you mean Town hall? "
            "Declare it under `places:`."
        ],
    ),
    (
        "defaults:\n  days_back: x\n  name: y\ncalendars:\n- {name: A, source: 'https://x.org/'}\n- {name: B, source: 'https://y.org/'}\n",
        ["3: defaults.name: is not a key here.", "2: defaults.days_back: must be a whole number, not 'x'."],
    ),
    (
        "defaults:\n  strategy: place\ncalendars:\n- name: A\n  source: https://x.org/\n",
        ["4: calendars[0].strategy: 'place' needs a `place`."],
    ),
    (
        "users:\n  Anna: {email: anna}\n"
        "places:\n  Hall:\n    country: England\n    match_venues: maybe\ncalendars: []\n",
        [
            "2: users.Anna.email: 'anna' is not an e-mail address.",
            "5: places.Hall.country: 'England' is not an ISO 3166-1 code of two letters, such as GB.",
            "6: places.Hall.match_venues: must be true or false, not 'maybe'.",
        ],
    ),
    ("users: [Anna]\ncalendars: []\n", ["1: users: must be a mapping (key: value), not a list."]),
    (
        "users:\n  Anna: anna@example.org\ncalendars: []\n",
        ["2: users.Anna: must be a mapping (key: value), not a single value."],
    ),
    ("? [a]\n: b\ncalendars: []\n", ["1: has a list where a key should be."]),
    (
        f"calendars:\n{CALENDAR % ', user: !!python/object:os.system x'}\n",
        ["2: calendars[0].user: has the tag tag:yaml.org,2002:python/object:os.system; values have none here."],
    ),
    (
        "calendars:\n\t- name: A\n",
        [
            "2: is not valid YAML: while scanning for the next token found character '\\t' that cannot start any "
            "token. YAML is indented with spaces, not with tabs."
        ],
    ),
    (
        "calendars: [\n",
        ["2: is not valid YAML: while parsing a flow node expected the node content, but found '<stream end>'."],
    ),
    (
        "calendars: []\n---\ncalendars: []\n",
        ["2: is not valid YAML: expected a single document in the stream but found another document."],
    ),
    (b"calendars: []\n# caf\xe9\n", ["2: is not UTF-8."]),
    ("calendars: []\n# \x07\n", ["2: holds a control character, which YAML does not allow."]),
    ("[" * 5000, ["1: is nested too deeply."]),
    ("calendars: &all\n- *all\n", ["1: calendars[0]: must be a mapping (key: value), not a list."]),
]


@pytest.mark.parametrize(("text", "errors"), ERRORS)
def test_every_error_says_file_line_and_key(apply, connection, text, errors):
    result = apply(text)
    count = "1 error" if len(errors) == 1 else f"{len(errors)} errors"
    head, *lines = result.stderr.splitlines()
    assert head == f"calimport: ConfigurationError: {count} in calendars.yaml, so nothing was applied."
    assert sorted(lines) == sorted(f"calendars.yaml:{error}" for error in errors)
    assert result.exit_code == 1
    assert names(connection) == []


def test_errors_come_in_the_order_of_the_file(apply, connection):
    lines = apply("zzz: 1\nplaces: {A: {country: x}}\ncalendars:\n- {}\n").stderr.splitlines()[1:]
    assert [line.split(":")[1] for line in lines] == ["1", "2", "4", "4"]


def test_a_source_that_only_the_database_has_is_an_error_with_the_way_to_rename(apply, connection):
    apply(MINIMAL)
    result = apply(MINIMAL.replace("Library", "Books"))
    assert result.stderr.splitlines()[1] == (
        "calendars.yaml:2: calendars[0].source: 'Library' has the same source, connection, user and activity type "
        "already. To rename it: calimport calendars set Library name=Books"
    )
    assert names(connection) == ["Library"]


def test_a_secret_in_a_refused_file_is_not_printed(apply, connection):
    result = apply("calendars:\n- {name: A, source: 'https://anna:hunter2@x.org/'}\n")
    assert result.exit_code == 1
    assert "hunter2" not in result.output


def test_a_failure_half_way_leaves_nothing(connection, tmp_path):
    path = tmp_path / "calendars.yaml"
    path.write_text(FILE)
    plan = calendars_apply.make_plan(connection, configuration.read(path))
    connection.execute("insert into calimport.calendars (name, source) values ('Hall', 'https://elsewhere.org/')")
    connection.commit()

    with pytest.raises(ConfigurationError, match="There is a calendar named 'Hall' already"), connection.transaction():
        calendars_apply.perform(connection, plan)

    assert names(connection) == ["Hall"]
    assert connection.execute("select count(*) as n from calimport.users").fetchone()["n"] == 0


def test_two_who_apply_at_once_do_it_once(connection_uri, tmp_path):
    path = tmp_path / "calendars.yaml"
    path.write_text(FILE)
    wanted = configuration.read(path)
    added = []

    def attempt():
        with database.connect() as connection:
            plan = calendars_apply.make_plan(connection, wanted)
            calendars_apply.perform(connection, plan)
        added.append(len(plan.changes))

    threads = [threading.Thread(target=attempt) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(added) == [0, 0, 0, 6]


def test_the_same_through_the_command_line_and_the_file(apply, connection):
    apply(FILE)
    connection.rollback()
    from_file = calendars.get(connection, "Hall").config
    CliRunner().invoke(main, ["calendars", "remove", "Hall", "--yes"])
    options = ["--timezone", "Europe/London", "--strategy", "place", "--place", "Town hall", "--interval", "60"]
    CliRunner().invoke(
        main, ["calendars", "add", "Hall", "https://example.org/hall.ics", "--days-ahead", "90", *options]
    )
    connection.rollback()
    assert calendars.get(connection, "Hall").config == from_file


def test_the_documented_keys_are_those_there_are():
    table = DOCS.partition("| key | default | meaning |\n|---|---|---|\n")[2].partition("\n\n")[0]
    keys = {
        name: "required" if field.is_required() else calendars.shown(name, field.default).replace("–", "")
        for name, field in CalendarConfig.model_fields.items()
    }
    assert table.splitlines() == [
        f"| `{name}` | {default if default in ('', 'required') else f'`{default}`'} | {field.description} |"
        for (name, default), field in zip(keys.items(), CalendarConfig.model_fields.values(), strict=True)
    ]


def test_the_documented_commands_print_what_the_page_shows(connection, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, text in re.findall(r"```yaml\n# (\S+)\n(.*?)```", DOCS, re.DOTALL):
        (tmp_path / name).write_text(f"# {name}\n{text}")
    shown = "".join(re.findall(r"```console\n(.*?)```", DOCS, re.DOTALL))
    printed = "".join(
        f"$ {command}\n{CliRunner().invoke(main, shlex.split(command)[1:]).output}"
        for command in re.findall(r"^\$ (.*)$", shown, re.MULTILINE)
    )
    assert printed == shown


def test_the_page_names_every_command():
    group = main.get_command(None, "calendars")
    named = set(re.findall(r"(?:calendars |`)(\w+)", DOCS))
    assert group.commands.keys() - named == set()
