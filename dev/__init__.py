"""What a developer's machine needs and production does not: embedded database, sample calendars, `make run`."""
