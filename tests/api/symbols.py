#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What does libpirn.a export? symbols.py LIBPIRN_A SYMBOLS_TXT

Symbols of default visibility are those of the list, and the other way round. What else is global,
to link the files of the library with each other, is hidden and starts with pirn__.
"""
import pathlib
import subprocess
import sys

archive, wanted_file = sys.argv[1:]
table = subprocess.run(["readelf", "-sW", archive], stdout=subprocess.PIPE, text=True, check=True)
exported, hidden = set(), set()
for line in table.stdout.splitlines():
    fields = line.split()
    if len(fields) == 8 and fields[4] in ("GLOBAL", "WEAK") and fields[6] != "UND":
        (exported if fields[5] == "DEFAULT" else hidden).add(fields[7])

wanted = set(pathlib.Path(wanted_file).read_text().split())
bad = [f"{s}: exported, not in the list" for s in exported - wanted]
bad += [f"{s}: in the list, not exported" for s in wanted - exported]
bad += [f"{s}: internal, does not start with pirn__" for s in hidden if not s.startswith("pirn__")]
bad += [f"{s}: internal, but exported" for s in exported if s.startswith("pirn__")]
if not hidden:
    bad.append(f"{archive}: no internal symbol found, is this the library?")
print("\n".join(sorted(bad)))
sys.exit(bool(bad))
