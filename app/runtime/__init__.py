"""Threads and what joins them: mailboxes, stages, jobs."""
