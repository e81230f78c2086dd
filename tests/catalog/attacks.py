"""Catalogs that try to run code, and a process that opens them all with somebody watching.

``python attacks.py FOLDER`` opens every ``*.yaml`` in FOLDER and prints what happened as JSON. What was loaded lazily
is loaded before; from then on nothing may be executed, imported from the folder, started, connected or written.
"""

from __future__ import annotations

import contextlib
import json
import pickle
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HEAD = "metadata: {cruise: {id: x}}\nsources:\n"


def entry(args: str, rest: str = "") -> str:
    """A catalog with one source."""
    return f"{HEAD}  a: {{driver: workbench{rest}, args: {{{args}}}}}\n"


def url(text: str) -> str:
    """A catalog whose one source points there."""
    return entry(f"reader: seaflow_evt, url: {text}")


def catalogs(marker: str) -> dict[str, str]:
    """Every attack: its name, and the catalog. Each tries to make `marker`, or to run ``evil``."""
    touch = f"__import__('pathlib').Path('{marker}').touch()"
    jinja = f"{{{{ cycler.__init__.__globals__.os.system('touch {marker}') }}}}"
    return {
        # the five that work on plain intake
        "cls": f"sources:\n  a:\n    cls: subprocess.Popen\n    args: [[touch, {marker}]]\n    kwargs: {{}}\n",
        "plugins": "plugins: {source: [{module: evil}]}\n" + url('"{{ CATALOG_DIR }}/evt"'),
        "jinja": url(f'"{jinja}"'),
        "v2 cls": f"version: 2\ndata: {{d: {{cls: subprocess.Popen, args: [[touch, {marker}]]}}}}\nentries: {{}}\nuser_parameters: {{}}\naliases: {{}}\nmetadata: {{}}\n",
        "v2 func": f"version: 2\ndata: {{d: {{datatype: 'evil:X', kwargs: {{x: '{{func(evil:run)}}'}}, metadata: {{}}, user_parameters: {{}}}}}}\nentries: {{a: {{reader: 'evil:X', kwargs: {{}}}}}}\nuser_parameters: {{p: {{cls: 'os:system', default: 'touch {marker}'}}}}\naliases: {{}}\nmetadata: {{}}\n",
        # YAML
        "python/object/apply": f"a: !!python/object/apply:os.system ['touch {marker}']\n",
        "python/object/new": f"a: !!python/object/new:subprocess.Popen [[touch, {marker}]]\n",
        "python/module": "a: !!python/module:evil\n",
        "python/name": url("!!python/name:evil.run"),
        "python/tuple": url("!!python/tuple [/evt]"),
        "a key that is an object": f"? !!python/object/apply:os.system ['touch {marker}']\n: 1\n",
        "a merge": "x: &x {cls: os.system}\n" + HEAD + "  a: {<<: *x}\n",
        "aliases": "a: &a [1,1,1,1,1,1,1,1]\n" + "".join(
            f"{n}: &{n} [{','.join([f'*{o}'] * 8)}]\n" for o, n in zip("abcdefghij", "bcdefghijk", strict=True)
        ),
        "an alias of itself": "metadata: &m {cruise: *m}\nsources: *m\n",
        "nested": "[" * 200_000,
        "two documents": HEAD + "  {}\n---\n!!python/object/apply:os.system [id]\n",
        "a tag directive": f"%TAG ! tag:yaml.org,2002:python/object/apply:\n---\na: !os.system ['touch {marker}']\n",
        # drivers, readers, views
        "driver path": f"{HEAD}  a: {{driver: subprocess.Popen, args: {{args: [touch, {marker}]}}}}\n",
        "driver path with colon": f"{HEAD}  a: {{driver: 'evil:run', args: {{}}}}\n",
        "driver list": f"{HEAD}  a: {{driver: [evil.run, workbench], args: {{}}}}\n",
        "driver mapping": f"{HEAD}  a: {{driver: {{x: {{class: evil.run}}}}, args: {{}}}}\n",
        "driver yaml_file_cat": f"{HEAD}  a: {{driver: yaml_file_cat, args: {{path: '{{{{ CATALOG_DIR }}}}/cls.yaml'}}}}\n",
        "driver csv": f"{HEAD}  a: {{driver: csv, args: {{urlpath: 'file:///etc/passwd'}}}}\n",
        "reader path": entry('reader: "evil:run", url: /evt'),
        "reader path with dots": entry("reader: evil.run, url: /evt"),
        "reader file": entry("reader: ./evil.py, url: /evt"),
        "reader zarr": entry("reader: zarr, url: /evt"),
        "reader netcdf4": entry("reader: netcdf4, url: /evt"),
        "reader that is no text": entry("reader: [seaflow_evt], url: /evt"),
        "view path": 'metadata: {cruise: {id: x}, board: [{view: "evil:run"}]}\nsources: {}\n',
        "view dunder": "metadata: {cruise: {id: x}, board: [{view: __import__}]}\nsources: {}\n",
        # options
        "backend_kwargs": entry("reader: seaflow_evt, url: /evt, backend_kwargs: {storage_options: {}}"),
        "engine": entry("reader: seaflow_evt, url: /evt, engine: evil"),
        "metadata argument": entry("reader: seaflow_evt, url: /evt, metadata: {cls: os.system}"),
        "catalog_object": entry("reader: seaflow_evt, url: /evt, catalog_object: evil"),
        "dunder option": entry("reader: seaflow_evt, url: /evt, __class__: evil"),
        "storage_options": entry("reader: seaflow_evt, url: /evt, storage_options: {auto_mkdir: true}"),
        "preprocess": entry("reader: seaflow_evt, url: /evt, preprocess: evil.run"),
        "drop_variables": entry(f'reader: seaflow_evt, url: /evt, drop_variables: "{touch}"'),
        "every": entry(f'reader: seaflow_evt, url: /evt, every: "{touch}"'),
        "parameters": f"{HEAD}  a: {{driver: workbench, parameters: {{p: {{type: str, description: x, default: 'shell(touch {marker})'}}}}, args: {{reader: seaflow_evt, url: '{{{{ p }}}}'}}}}\n",
        "entry metadata": f"{HEAD}  a: {{driver: workbench, metadata: {{plots: {{}}}}, args: {{reader: seaflow_evt, url: /evt}}}}\n",
        "direct access": entry("reader: seaflow_evt, url: /evt", ", direct_access: force"),
        "remote": entry("reader: seaflow_evt, url: /evt", ", remote: true"),
        # urls
        "env": url('"{{ env(HOME) }}"'),
        "shell": url(f'"{{{{ shell(\'touch {marker}\') }}}}"'),
        "jinja statement": url("\"{% for x in ().__class__.__base__.__subclasses__() %}{% endfor %}/x\""),
        "jinja in a description": f"{HEAD}  a: {{driver: workbench, description: \"{jinja}\", args: {{reader: seaflow_evt, url: /evt}}}}\n",
        "jinja in record": f"metadata: {{cruise: {{id: x}}, record: \"{jinja}\"}}\nsources: {{}}\n",
        "filter on the template": url("\"{{ CATALOG_DIR | attr('__class__') }}\""),
        "half a template": url('"{{ CATALOG_DIR }}/{{"'),
        "backticks": url(f'"/evt/`touch {marker}`"'),
        "dollar": url(f'"/evt/$(touch {marker})"'),
        "pipe": url(f'"|touch {marker}"'),
        "semicolon": url(f'"/evt; touch {marker}"'),
        "newline": url(f'"/evt\\ntouch {marker}"'),
        "chained": url(f'"simplecache::file://{marker}"'),
        "chained without slashes": url('"zip::/x.zip"'),
        "reference": url('"reference::/x.json"'),
        "http": url('"http://127.0.0.1:9/x"'),
        "python url": url('"python://evil"'),
        "s3": url('"s3://bucket/key"'),
        "unc": url('"//host/share"'),
        "pickle": url('"{{ CATALOG_DIR }}/evil.pickle"'),
        "device": url("/dev/zero"),
        "terminal": url("/dev/tty"),
        "pipe on disk": url('"{{ CATALOG_DIR }}/pipe"'),
        "memory": url("/proc/self/mem"),
        "home": url('"~/x"'),
        "other variable": url('"$PATH/x"'),
        "nul": url('"/evt\\0x"'),
        "out of the folder": url('"{{ CATALOG_DIR }}/../../../../../../../../dev/zero"'),
        "many urls": url("[" + ",".join(f"/{i}" for i in range(9000)) + "]"),
        "long url": url('"/' + "a/" * 3000 + '"'),
        "long pattern": url('"{{ CATALOG_DIR }}/' + "*/" * 1500 + '*"'),
        "regex bomb": url('"/nowhere/' + "*a" * 200 + '"'),
        # names that become paths or pages
        "id up": "metadata: {cruise: {id: ../../evil}}\nsources: {}\n",
        "id absolute": "metadata: {cruise: {id: /evil}}\nsources: {}\n",
        "record elsewhere": "metadata: {cruise: {id: x}, record: http://127.0.0.1/x}\nsources: {}\n",
        "source name": f"{HEAD}  ../../x: {{driver: workbench, args: {{reader: seaflow_evt, url: /evt}}}}\n",
        "source dunder": f"{HEAD}  __class__: {{driver: workbench, args: {{reader: seaflow_evt, url: /evt}}}}\n",
        "markup": f"metadata: {{cruise: {{id: x, ship: '<script>{marker}</script>'}}}}\nsources: {{}}\n",
        "format string": 'metadata: {cruise: {id: x, ship: "{0.__class__}%s%n"}}\nsources: {}\n',
        "unit": "metadata: {cruise: {id: x}, kpis: {k: {source: a, variable: latitude, unit: \"" + touch.replace('"', "") + "\"}}}\n"
        "sources: {a: {driver: workbench, args: {reader: seaflow_sfl, url: /x}}}\n",
        "huge unit": "metadata: {cruise: {id: x}, kpis: {k: {source: a, variable: latitude, unit: 9**9**9**9}}}\n"
        "sources: {a: {driver: workbench, args: {reader: seaflow_sfl, url: /x}}}\n",
        "keys with escapes": '"\\e]0;evil\\a": 1\n',
    }  # fmt: skip


#: Attacks that open: they are harmless text, or lead to a file that is no data.
HARMLESS = {
    "backticks", "dollar", "semicolon", "unc", "pickle", "device", "terminal", "pipe on disk", "memory",
    "out of the folder", "drop_variables", "markup", "format string", "long pattern", "regex bomb",
}  # fmt: skip

FORBIDDEN = ("os.system", "os.exec", "os.fork", "os.posix_spawn", "os.spawn", "subprocess.Popen", "pty.spawn", "socket.",
             "exec", "compile", "pickle.find_class", "ctypes.", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.link",
             "os.symlink", "os.chmod", "os.putenv", "shutil.", "tempfile.", "webbrowser.open", "urllib.Request",
             "marshal.load", "code.__new__")  # fmt: skip

seen: list[str] = []
armed = False


def watch(event: str, args: tuple[Any, ...]) -> None:
    """Note, and refuse, what opening a catalog must never do."""
    if not armed:
        return
    wrong = event.startswith(FORBIDDEN)
    if event == "open":
        mode, flags = args[1], args[2]
        wrong = (isinstance(mode, str) and any(letter in mode for letter in "wax+")) or bool(flags & 0o3)
    if event == "import":
        wrong = "evil" in str(args[0])
    if wrong:
        seen.append(f"{event} {str(args)[:200]}")
        raise PermissionError(f"{event} while a catalog was opened")


def use(path: Path) -> str:
    """Do with a catalog what everybody does; what came of it."""
    from workbench.catalog.check import problems, remarks
    from workbench.catalog.cruise import open_cruise
    from workbench.core.errors import CatalogError, WorkbenchError

    told = problems(path)
    assert all(str(problem) for problem in told)
    remarks(path)
    try:
        cruise = open_cruise(path)
    except CatalogError as error:
        return "refused" if told == list(error.problems) else f"told {told}, raised {error}"
    assert not told
    parts: list[Any] = [
        repr(cruise),
        cruise._repr_html_(),
        list(cruise),
        cruise.board,
        dict(cruise.kpis),
        cruise.finished,
    ]
    for source in cruise.values():
        parts += [repr(source), source._repr_html_(), source.yaml(), source.describe(), source.variables()]
        pickle.dumps(source)
        for call in (source.open, source.read, source.files, source.span, source.changed):
            with contextlib.suppress(WorkbenchError, OSError):
                parts.append(call())
    return "opened"


@contextlib.contextmanager
def watched() -> Iterator[None]:
    """Forbid everything in `FORBIDDEN` for a while."""
    global armed
    armed = True
    try:
        yield
    finally:
        armed = False


def main(folder: Path) -> None:
    sys.path.insert(0, str(folder))
    sys.addaudithook(watch)
    for path in sorted((folder / "harmless").glob("*.yaml")):  # everything that is loaded lazily
        use(path)
    results = {}
    for path in sorted(folder.glob("*.yaml")):
        seen.clear()
        try:
            with watched():
                outcome = use(path)
        except BaseException as error:  # whatever it is, it is told
            outcome = f"{type(error).__name__}: {error}"
        results[path.stem] = {"outcome": outcome, "seen": list(seen), "imported": "evil" in sys.modules}
    print(json.dumps(results))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
