"""The flow, a module a step: plan → extract → normalize → diff → apply → report.

Each step is a plain function of an open connection (autocommit: see :func:`calimport.database.connect`), the run's key
and the time; ``dags/calendar_import.py`` makes Airflow tasks of them. A step may be killed at any moment and run again.
"""
