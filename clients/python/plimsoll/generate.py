#!/usr/bin/env python3
"""Writes plimsoll/types.py and plimsoll/operations.py from the OpenAPI document.

    python3 clients/python/plimsoll/generate.py            write them
    python3 clients/python/plimsoll/generate.py --check    fail if they are not up to date

Every schema becomes a TypedDict, a Literal or an alias; every operation of the control listener that
speaks JSON becomes a method, plain and async. What is more than one call is written by hand, in
client.py.
"""

import json
import keyword
import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
OPENAPI = HERE.parents[2] / "docs" / "openapi.json"
PLAIN = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}
# Streams and bytes: client.py has what is needed of them.
BY_HAND = {"upload_artifact", "tail_decisions"}
WIDTH = 100


def main():
    document = json.loads(OPENAPI.read_text())
    files = {"types.py": types(document), "operations.py": operations(document)}
    stale = [name for name, text in files.items()
             if not (HERE / "plimsoll" / name).exists() or (HERE / "plimsoll" / name).read_text() != text]
    if "--check" in sys.argv[1:]:
        if stale:
            raise SystemExit(f"not up to date: {', '.join(stale)}; run {Path(__file__).name}")
        return
    for name in stale:
        (HERE / "plimsoll" / name).write_text(files[name])


def types(document):
    lines = ['"""The types of the API, from docs/openapi.json. Written by generate.py."""', "",
             "from __future__ import annotations", "", "import sys",
             "from typing import Any, Dict, List, Literal, Optional, TypedDict, Union", "",
             "if sys.version_info >= (3, 11):", "    from typing import NotRequired", "else:",
             "    from typing_extensions import NotRequired", ""]
    aliases, tables = [], []
    for name, schema in sorted(document["components"]["schemas"].items()):
        if "properties" in schema:
            tables += table(name, schema)
        else:
            aliases += ["", *comment(schema.get("description", "")), f"{name} = {kind(schema, True)}"]
    return "\n".join(lines + tables + ["", *aliases]) + "\n"


def table(name, schema):
    needed = set(schema.get("required", []))
    fields = {field: (kind(one, True), field in needed) for field, one in schema["properties"].items()}
    if any(not field.isidentifier() or keyword.iskeyword(field) for field in fields):
        # A member whose name is no word of Python. Types are texts here, with texts in them.
        plain = {field: text.replace('"', "'") for field, (text, _) in fields.items()}
        inner = ", ".join(f'"{field}": "{plain[field] if wanted else f"NotRequired[{plain[field]}]"}"'
                          for field, (_, wanted) in fields.items())
        return ["", "", f'{name} = TypedDict("{name}", {{{inner}}})']
    lines = ["", "", f"class {name}(TypedDict):", *docstring(schema.get("description") or name)]
    for field, (text, wanted) in fields.items():
        lines += ["", *comment(schema["properties"][field].get("description", ""), "    "),
                  f"    {field}: {text if wanted else f'NotRequired[{text}]'}"]
    return lines


def kind(schema, bare=False):
    """The type of a schema in Python's words. `bare`: within types.py, else from outside it."""
    if schema is True or not schema:
        return "Any"
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f'"{name}"' if bare == "quoted" else name if bare else f"types.{name}"
    for word in ("anyOf", "oneOf"):
        if word in schema:
            parts = schema[word]
            if all("const" in part for part in parts):
                return "Literal[" + ", ".join(json.dumps(part["const"]) for part in parts) + "]"
            inner = "quoted" if bare else bare
            return union([kind(part, inner) for part in parts])
    if "const" in schema:
        return f"Literal[{json.dumps(schema['const'])}]"
    if "enum" in schema:
        return "Literal[" + ", ".join(json.dumps(value) for value in schema["enum"]) + "]"
    types_ = schema.get("type", [])
    types_ = types_ if isinstance(types_, list) else [types_]
    return union([single(one, schema, bare) for one in types_]) if types_ else "Any"


def single(name, schema, bare):
    inner = "quoted" if bare else bare
    if name == "array":
        return f"List[{kind(schema.get('items', True), inner)}]"
    if name == "object":
        return f"Dict[str, {kind(schema.get('additionalProperties', True), inner)}]"
    return PLAIN[name]


def union(parts):
    rest = [part for part in dict.fromkeys(parts) if part != "None"]
    text = rest[0] if len(rest) == 1 else f"Union[{', '.join(rest)}]" if rest else "None"
    return f"Optional[{text}]" if "None" in parts and rest else text


def operations(document):
    plain, concurrent = [], []
    for path, verbs in document["paths"].items():
        for verb, operation in verbs.items():
            if path.startswith("/api/") and operation["operationId"] not in BY_HAND:
                plain += method(path, verb, operation, "")
                concurrent += method(path, verb, operation, "async ")
    head = ['"""The operations of the control listener, from docs/openapi.json. Written by generate.py."""',
            "", "from __future__ import annotations", "",
            "from typing import Any, Dict, List, Literal, Optional, Union",
            "from urllib.parse import quote", "", "from . import types", "", "__all__ = [\"AsyncOperations\", \"Operations\"]", "", "",
            "def _part(value: Any) -> str:", '    return quote(str(value), safe="")', "", "",
            "class Operations:", '    """One method per operation."""', "",
            "    def _call(self, verb: str, path: str, query: Dict[str, Any], body: Any) -> Any:",
            "        raise NotImplementedError", *plain, "", "",
            "class AsyncOperations:", '    """One coroutine per operation."""', "",
            "    async def _call(self, verb: str, path: str, query: Dict[str, Any], body: Any) -> Any:",
            "        raise NotImplementedError", *concurrent]
    return "\n".join(head) + "\n"


def method(path, verb, operation, prefix):
    places = [p for p in operation.get("parameters", []) if p["in"] == "path"]
    queries = [p for p in operation.get("parameters", []) if p["in"] == "query"]
    content = operation.get("requestBody", {}).get("content", {})
    body = content.get("application/json", {}).get("schema")
    arguments = ["self"] + [f"{word(p['name'])}: {simple(p['schema'])}" for p in places]
    if body is not None:
        arguments.append(f"body: {kind(body)}")
    if queries:
        arguments.append("*")
        arguments += [f"{word(p['name'])}: {optional(kind(p['schema']))} = None" for p in queries]
    done = next(answer for status, answer in operation["responses"].items() if status < "300")
    schema = done.get("content", {}).get("application/json", {}).get("schema")
    result = kind(schema) if schema else "None"
    filled = re.sub(r"\{(\w+)\}", lambda found: "{_part(" + word(found.group(1)) + ")}", path)
    query = "{" + ", ".join(f'"{p["name"]}": {word(p["name"])}' for p in queries) + "}"
    text = ("f" if places else "") + json.dumps(filled)
    given = "body" if body is not None else "None"
    call = f'self._call("{verb.upper()}", {text}, {query}, {given})'
    head = f"    {prefix}def {operation['operationId']}({', '.join(arguments)}) -> {result}:"
    if len(head) > WIDTH:
        rows = "".join(f"        {argument},\n" for argument in arguments)
        head = f"    {prefix}def {operation['operationId']}(\n{rows}    ) -> {result}:"
    give = "" if result == "None" else "return "
    return ["", head, *docstring(operation["summary"] + ".", "        "),
            f"        {give}{'await ' if prefix else ''}{call}"]


def simple(schema):
    return "int" if schema.get("type") == "integer" else "Union[str, int]"


def optional(text):
    return text if text.startswith("Optional[") else f"Optional[{text}]"


def word(name):
    name = name.replace("-", "_")
    return f"{name}_" if keyword.iskeyword(name) else name


def comment(text, indent=""):
    return [f"{indent}# {line}".rstrip() for line in wrap(text, WIDTH - len(indent) - 2)]


def docstring(text, indent="    "):
    lines = wrap(text, WIDTH - len(indent) - 6)
    if len(lines) == 1:
        return [f'{indent}"""{lines[0]}"""']
    return [f'{indent}"""{lines[0]}', *(f"{indent}{line}" for line in lines[1:]), f'{indent}"""']


def wrap(text, width):
    import textwrap
    return textwrap.wrap(" ".join(text.replace("\\", "\\\\").split()), width) if text else []


if __name__ == "__main__":
    main()
