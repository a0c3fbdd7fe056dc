"""The configuration file: YAML for Git, read with the line of every key, so that each error can say where it is.

::

    defaults:                      # for every calendar below that does not say otherwise
      timezone: Europe/London
    users: {Anna: {email: anna@example.org}}
    partners: {Library: {contact_email: library@example.org}}
    places: {Town hall: {address: 1 Market Square, postcode: M1 1AA, country: GB}}
    calendars:
      - name: Town hall events
        source: https://example.org/events.ics
        place: Town hall

Every scalar is taken as it is written, and the models of :mod:`calimport.calendars` make of it what the key needs.
YAML's own guesses would turn the country NO into false and the postcode 01067 into 567.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Generic, TypeVar

import yaml
from pydantic import ValidationError
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from calimport import config_values as values
from calimport.calendars import CalendarConfig
from calimport.errors import ConfigurationError

SECTIONS: Final = ("defaults", "users", "partners", "places", "calendars")
#: A default for these would make every calendar the same one.
_NO_DEFAULT: Final = frozenset({"name", "source"})
_NULL: Final = "tag:yaml.org,2002:null"
_TAGS: Final = frozenset(f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "timestamp", "merge"))


class UserConfig(values.Config):
    """What can be configured for a user."""

    name: values.Text
    email: values.Email | None = None
    """Where this person can be reached."""
    airflow_users: values.Names | None = None
    """Airflow users, with commas between, whose rows these are too where `CALIMPORT_STORE_ROWS` is `own`."""


class PartnerConfig(values.Config):
    """What can be configured for a partner."""

    name: values.Text
    contact_name: values.Text | None = None
    """The person to talk to."""
    contact_email: values.Email | None = None
    """Where that person can be reached."""


class PlaceConfig(values.Config):
    """What can be configured for a place."""

    name: values.Text
    address: values.Prose | None = None
    """Postal address, its parts separated by commas, without postcode and country."""
    postcode: values.Text | None = None
    """Postcode."""
    country: values.Country | None = None
    """ISO 3166-1 code of two letters."""
    partner: values.Text | None = None
    """The partner that runs the place. A partner of a new name is added."""
    contact_email: values.Email | None = None
    """Where the people of the place can be reached."""
    match_venues: bool = True
    """Whether an event's location may be matched with this place."""


Model = TypeVar("Model", bound=values.Config)


@dataclass(frozen=True)
class Problem:
    """Something wrong in the file, and where."""

    line: int
    path: str
    sentence: str


@dataclass(frozen=True)
class Entry(Generic[Model]):
    """One declared thing, and where it stands."""

    config: Model
    path: str
    line: int
    lines: Mapping[str, int]

    def problem(self, key: str, sentence: str) -> Problem:
        """A problem with one of its keys, found later: against the database, or another entry."""
        return Problem(self.lines.get(key, self.line), f"{self.path}.{key}", sentence)


@dataclass(frozen=True)
class Configuration:
    """A file that is well-formed in itself."""

    file: str
    users: list[Entry[UserConfig]] = field(default_factory=list)
    partners: list[Entry[PartnerConfig]] = field(default_factory=list)
    places: list[Entry[PlaceConfig]] = field(default_factory=list)
    calendars: list[Entry[CalendarConfig]] = field(default_factory=list)


def read(path: Path) -> Configuration:
    """Read a file.

    :raises ConfigurationError: everything that is wrong with it, each with file, line and key.
    """
    reader = _Reader()
    try:
        root = _compose(path.read_bytes())
    except _Malformed as malformed:
        refuse(str(path), [malformed.problem])
    sections = reader.mapping(root, "", SECTIONS)
    defaults = reader.defaults(sections.get("defaults"))
    configuration = Configuration(
        file=str(path),
        users=reader.named(sections.get("users"), "users", UserConfig),
        partners=reader.named(sections.get("partners"), "partners", PartnerConfig),
        places=reader.named(sections.get("places"), "places", PlaceConfig),
        calendars=reader.calendars(sections.get("calendars"), defaults),
    )
    if isinstance(root, MappingNode) and "calendars" not in sections:
        # An empty list is a decision; a list that was forgotten must not pause every calendar there is.
        reader.problems.append(Problem(_line(root), "calendars", "is required: a list, which may be empty ([])."))
    refuse(str(path), reader.problems)
    return configuration


def refuse(file: str, problems: Iterable[Problem]) -> None:
    """Raise every problem as one error, a line each, in the file's order; do nothing where there is none.

    :raises ConfigurationError: there is a problem.
    """
    lines = [
        f"{file}:{found.line}: {found.path + ': ' if found.path else ''}{found.sentence}"
        for found in sorted(problems, key=lambda found: found.line)
    ]
    if lines:
        count = "1 error" if len(lines) == 1 else f"{len(lines)} errors"
        raise ConfigurationError("\n".join([f"{count} in {file}, so nothing was applied.", *lines]))


class _Malformed(Exception):
    def __init__(self, line: int, sentence: str) -> None:
        super().__init__(sentence)
        self.problem = Problem(line, "", sentence)


def _compose(content: bytes) -> Node:
    """The file as nodes that know their lines: safe, since no value is made of them here."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _Malformed(content.count(b"\n", 0, error.start) + 1, "is not UTF-8.") from None
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise _Malformed(line, "holds a control character, which YAML does not allow.") from None
    except yaml.MarkedYAMLError as error:
        raise _Malformed(*_syntax(error)) from None
    except RecursionError:
        raise _Malformed(1, "is nested too deeply.") from None
    if root is None:
        raise _Malformed(1, "is empty.")
    return root


def _syntax(error: yaml.MarkedYAMLError) -> tuple[int, str]:
    mark = error.problem_mark or error.context_mark
    reason = " ".join(part for part in (error.context, error.problem) if part)
    hint = " YAML is indented with spaces, not with tabs." if "'\\t'" in reason else ""
    return (mark.line + 1 if mark else 1), f"is not valid YAML: {reason}.{hint}"


def _line(node: Node) -> int:
    return int(node.start_mark.line) + 1


class _Reader:
    """Walks the nodes, and collects problems rather than stopping at the first."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def mapping(self, node: Node | None, path: str, known: Iterable[str] | None) -> dict[str, Node]:
        """Key → value node. A key that is not ``known`` (None: any will do) is a problem, as is one given twice."""
        if node is None or node.tag == _NULL:
            return {}
        if not isinstance(node, MappingNode):
            self._add(node, path, f"must be a mapping (key: value), not {_kind(node)}.")
            return {}
        found: dict[str, Node] = {}
        lines: dict[str, int] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, ScalarNode):
                self._add(key_node, path, f"has {_kind(key_node)} where a key should be.")
                continue
            key = key_node.value.strip()
            below = f"{path}.{key}".lstrip(".")
            if known is not None and key not in known:
                self._add(key_node, below, f"is not a key here.{values.nearest(key, known)}")
            elif key in found:
                self._add(key_node, below, f"is given twice; the first is on line {lines[key]}.")
            else:
                found[key], lines[key] = value_node, _line(key_node)
        return found

    def named(self, node: Node | None, section: str, model: type[Model]) -> list[Entry[Model]]:
        """The entries of a section that maps names to what they are."""
        keys = [key for key in model.model_fields if key != "name"]
        entries = []
        for name, below in self.mapping(node, section, None).items():
            path = f"{section}.{name}"
            nodes = self.mapping(below, path, keys)
            entry = self._entry(model, {"name": name, **self._scalars(nodes, path)}, nodes, path, _line(below))
            entries += [entry] if entry else []
        return entries

    def defaults(self, node: Node | None) -> dict[str, str | None]:
        """The defaults that are good by themselves; one that is not is reported here, and not at every calendar."""
        nodes = self.mapping(node, "defaults", [key for key in CalendarConfig.model_fields if key not in _NO_DEFAULT])
        good = {}
        for key, value in self._scalars(nodes, "defaults").items():
            # What the other keys ask for is there, so that only this key can be wrong.
            others = {"name": "any", "source": "https://calendar.invalid/", "connection": "any", "place": "any"}
            if self._entry(CalendarConfig, others | {key: value}, nodes, "defaults", 1):
                good[key] = value
        return good

    def calendars(self, node: Node | None, defaults: Mapping[str, str | None]) -> list[Entry[CalendarConfig]]:
        """The entries of the list of calendars."""
        if node is None or node.tag == _NULL:
            return []
        if not isinstance(node, SequenceNode):
            self._add(node, "calendars", f"must be a list (- name: …), not {_kind(node)}.")
            return []
        entries = []
        lines: dict[str, int] = {}
        for number, below in enumerate(node.value):
            path = f"calendars[{number}]"
            nodes = self.mapping(below, path, CalendarConfig.model_fields)
            if not isinstance(below, MappingNode):
                if below.tag == _NULL:
                    self._add(below, path, "is empty.")
                continue
            given = {**defaults, **self._scalars(nodes, path)}
            entry = self._entry(CalendarConfig, given, nodes, path, _line(below))
            if entry is None:
                continue
            if first := lines.get(entry.config.name):
                sentence = f"{entry.config.name!r} is the name of the calendar on line {first} too."
                self.problems.append(entry.problem("name", sentence))
            lines.setdefault(entry.config.name, entry.line)
            entries.append(entry)
        return entries

    def _scalars(self, nodes: Mapping[str, Node], path: str) -> dict[str, str | None]:
        """Values as they are written; an empty one is None."""
        scalars: dict[str, str | None] = {}
        for key, node in nodes.items():
            if not isinstance(node, ScalarNode):
                self._add(node, f"{path}.{key}", f"must be a single value, not {_kind(node)}.")
            elif node.tag == _NULL:
                scalars[key] = None
            elif node.tag in _TAGS:
                scalars[key] = node.value
            else:
                self._add(node, f"{path}.{key}", f"has the tag {node.tag}; values have none here.")
        return scalars

    def _entry(
        self, model: type[Model], given: Mapping[str, object], nodes: Mapping[str, Node], path: str, line: int
    ) -> Entry[Model] | None:
        lines = {key: _line(node) for key, node in nodes.items()}
        try:
            config = model.model_validate(dict(given))
        except ValidationError as error:
            for key, sentence in values.problems(error):
                # A value that could not be read is missing only because of that, which is said already.
                if key in given or key not in nodes:
                    self.problems.append(Problem(lines.get(key, line), f"{path}.{key}", sentence))
            return None
        return Entry(config, path, line, lines)

    def _add(self, node: Node, path: str, sentence: str) -> None:
        self.problems.append(Problem(_line(node), path, sentence))


def _kind(node: Node) -> str:
    if isinstance(node, MappingNode):
        return "a mapping"
    if isinstance(node, SequenceNode):
        return "a list"
    return "nothing" if node.tag == _NULL else "a single value"
