"""Runplane's preload for Python, first on PYTHONPATH where `runplane exec` starts a command.

Wires clients that no variable of the environment reaches. Imports nothing of its own accord: a client is wired when the
program imports it. `runplane exec --no-preload` does without.
"""

import os
import sys


def _stripe(module):
    # It brings a CA bundle and looks at no variable. A path that the program sets afterwards stands.
    module.ca_bundle_path = os.environ["SSL_CERT_FILE"]


def _aiohttp(module):
    # It asks the environment for a proxy only if told to.
    start = module.ClientSession.__init__

    def __init__(self, *args, **kwargs):
        kwargs.setdefault("trust_env", True)
        start(self, *args, **kwargs)

    __init__.__wrapped__ = start
    module.ClientSession.__init__ = __init__


_WIRED = {"stripe": _stripe, "aiohttp.client": _aiohttp}


class _Finder:
    """Finds nothing itself: has a module wired after it was loaded as always."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        wire = _WIRED.get(name)
        if wire is None:
            return None
        for finder in sys.meta_path:
            if finder is _Finder or not hasattr(finder, "find_spec"):
                continue
            spec = finder.find_spec(name, path, target)
            if spec is not None:
                break
        else:
            return None
        load = getattr(spec.loader, "exec_module", None)
        if load is not None:

            def exec_module(module):
                load(module)
                try:
                    wire(module)
                except (AttributeError, KeyError) as problem:
                    print("runplane: %s could not be wired: %r" % (name, problem), file=sys.stderr)

            spec.loader.exec_module = exec_module
        return spec


def _next():
    """Loads the sitecustomize that this one hides, if there is one."""
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry or os.curdir) != here]
    ours = sys.modules.pop("sitecustomize")
    try:
        import sitecustomize  # noqa: F401
    except ImportError as problem:
        if problem.name != "sitecustomize":
            raise
    finally:
        sys.modules.setdefault("sitecustomize", ours)


sys.meta_path.insert(0, _Finder)
_next()
