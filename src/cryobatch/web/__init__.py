"""The web interface: REST, one event stream, and the pages that are their clients.

Where things go:

- ``app`` puts it all together; ``auth`` says who may, ``gate`` keeps all others out;
- ``api/`` is the product's interface for programs and for our pages: one module a noun, a function
  ``make_router(project)`` each, added to the list in ``api/__init__.py``;
- ``pages/`` are the frames that a browser opens: no SQL, no rows of data. A page is one entry of
  ``pages/frame.py``'s ``PAGES`` and one ES module of its name in ``components/``;
- ``components/`` are our own small ES modules and style sheets. AG Grid and ECharts come from
  NiceGUI's wheel (``vendor``); nothing comes from outside.

Only ``process`` may be imported by the daemon: all else runs in the web interface's own process.
"""
