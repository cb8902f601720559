"""The command line: words in, documents and tables out. No decision is made here.

Every command imports what it needs when it runs, so that starting the daemon does not pay for tables and that
``--help`` pays for nothing.
"""
