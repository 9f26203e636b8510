#!/usr/bin/env python3
"""The style as a test (docs/style.md): prints every breach as file:line: rule, and fails if any.

    tools/tidy.py            the whole tree that git knows
"""
import pathlib
import re
import subprocess
import sys

COLUMNS_MAX, FUNCTION_LINES_MAX, FILE_LINES_MAX = 100, 70, 800
LAYERS = ["base", "codec", "crypto", "io", "app"]

BANNED = {  # call: why, and what instead
    r"\b(strcpy|strcat|sprintf|vsprintf|gets|strtok|alloca)\s*\(": "unbounded or stateful; str.h and arena.h instead",
    r"\b(atoi|atol|atof|strtol|strtoul)\s*\(": "silently accepts rubbish; str_int() instead",
    r"\b(localtime|gmtime|ctime|asctime)\s*\(": "not thread-safe, not UTC; clock.h instead",
    r"\bclock_gettime\s*\(": "clock.h is the only one that asks",
    r"\bpthread_cond_timedwait\s*\(": "by the wall clock, which may be set; clock_wait() instead",
    r"\b(rand|random|srand)\s*\(": "secret_random() instead",
    r"\bgoto\b": "cleanup or a smaller function instead",
    r"\bsystem\s*\(|\bpopen\s*\(": "no shells",
    r"\b(TODO|FIXME|XXX)\b": "an issue instead",
}
ALLOWED = {  # the one place that may
    "clock_gettime": {"common/base/clock.c"},
}
LEAKS = [r"/work/", r"\bregistry\.npmjs\b", r"\bpypi\.org/simple\b", r"deb\.debian\.org"]


def tracked():
    listed = subprocess.run(["git", "ls-files"], check=True, capture_output=True, text=True).stdout
    return [pathlib.Path(line) for line in listed.splitlines() if pathlib.Path(line).is_file()]


def code_of(line):
    """The line without strings and comments, as far as a line can tell."""
    line = re.sub(r'"(\\.|[^"\\])*"', '""', line)
    line = re.sub(r"/\*.*?\*/", "", line)
    return re.sub(r"//.*|^\s*\*.*|/\*.*", "", line)


def is_table_row(line):
    return re.match(r"\s*(\{|[A-Z_]+\(|#define|\"|--|\[)", line) is not None


def check_lines(path, lines):
    for number, line in enumerate(lines, 1):
        if len(line) > COLUMNS_MAX and not is_table_row(line):
            yield number, f"{len(line)} columns; {COLUMNS_MAX} at most outside tables"
        if line != line.rstrip():
            yield number, "trailing white space"
        code = code_of(line)
        for pattern, why in BANNED.items() if path.parts[0] != "tests" else ():
            found = re.search(pattern, code)
            if found and str(path) not in ALLOWED.get(re.sub(r"\W", "", found.group()), set()):
                yield number, f"{found.group().strip(' (')}: {why}"


def check_functions(lines):
    start = None
    for number, line in enumerate(lines, 1):
        if line == "{":
            start = number
        elif line.startswith("}") and start:
            if number - start > FUNCTION_LINES_MAX:
                yield start, f"a function of {number - start} lines; {FUNCTION_LINES_MAX} at most"
            start = None


def check_layers(path, lines):
    """common/ may include its own layer and those before it; services never include each other."""
    parts = path.parts
    for number, line in enumerate(lines, 1):
        found = re.match(r'#include "(common|services)/(\w+)/', line)
        if not found:
            continue
        if parts[0] == "common":
            if found[1] == "services":
                yield number, "common/ includes a service"
            elif LAYERS.index(found[2]) > LAYERS.index(parts[1]):
                yield number, f"layer {parts[1]} includes the later layer {found[2]}"
        if parts[0] == "services" and found[1] == "services" and found[2] != parts[1]:
            yield number, f"service {parts[1]} includes service {found[2]}"


def check_header(path, lines):
    if not lines or not lines[0].startswith("/*"):
        yield 1, "a header opens with what it is for"
    if "#pragma once" not in lines:
        yield 1, "no #pragma once"


def check_file(path):
    lines = path.read_text(errors="replace").splitlines()
    if path.suffix in (".c", ".h", ".def"):
        yield from check_lines(path, lines)
    if path.suffix == ".c":
        yield from check_functions(lines)
    if path.suffix == ".h":
        yield from check_header(path, lines)
    if path.suffix in (".c", ".h"):
        yield from check_layers(path, lines)
        if len(lines) > FILE_LINES_MAX:
            yield 1, f"{len(lines)} lines; {FILE_LINES_MAX} at most"
    if path.name != "tidy.py":
        for number, line in enumerate(lines, 1):
            for pattern in LEAKS:
                if re.search(pattern, line):
                    yield number, f"names a machine or a registry ({pattern})"


def check_service_shape():
    for main in pathlib.Path("services").glob("*/main.c"):
        for part in ("README.md", "routes.c"):
            if not (main.parent / part).exists():
                yield main.parent / part, 1, "every service has one"
        if len(main.read_text().splitlines()) > 30:
            yield main, 1, "main.c fills the tables and calls service_run(), in under 30 lines"


def check_families():
    """Every hostile case is of a family whose row names its file; else `make hostile` stops before its first."""
    sys.path.append("tests/hostile")
    import families
    for fault in families.faults():
        yield "tests/hostile/families.py", 1, fault


def main():
    breaches = [(path, number, what) for path in tracked() for number, what in check_file(path)
                if not path.parts[0].startswith("build")]
    breaches += [*check_service_shape(), *check_families()]
    for path, number, what in breaches:
        print(f"{path}:{number}: {what}")
    print(f"tidy: {len(breaches)} breaches", file=sys.stderr)
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
