"""iCalendar as RFC 5545 and its updates define it: content lines, values, zones and recurrence."""
