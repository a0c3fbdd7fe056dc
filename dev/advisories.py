"""Known vulnerabilities of what is pinned, as pip-audit finds them: ``python -m dev.advisories``. Needs the network.

uv fetches pip-audit when it is asked for, so that it is no dependency of ours. Where the database of advisories cannot
be reached, nothing is known, which is said and is no success.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


def told(report: dict[str, Any]) -> tuple[list[str], int]:
    """What pip-audit's JSON report says, in lines, and the exit code: 0 where all was looked up and nothing found."""
    packages = report["dependencies"]
    unknown = [one["name"] for one in packages if "skip_reason" in one]
    lines = [
        f"{one['name']} {one['version']}: {bad['id']}, mended in {', '.join(bad['fix_versions']) or 'no version yet'}"
        for one in packages
        for bad in one.get("vulns", ())
    ]
    code = 1 if lines else 0
    if unknown:
        lines.append(f"Not looked up: {len(unknown)} of {len(packages)} packages; the advisories could not be reached.")
        code = code or 2
    return lines or [f"No advisory names any of {len(packages)} packages."], code


def main() -> None:
    uv = Path(sys.executable).with_name("uv")
    command = [str(uv if uv.exists() else shutil.which("uv") or "uv"), "tool", "run", "--quiet", "pip-audit"]
    command += ["--requirement", str(ROOT / "requirements.txt"), "--no-deps", "--disable-pip"]
    done = subprocess.run(
        [*command, "--format", "json", "--progress-spinner", "off"], capture_output=True, text=True, check=False
    )
    try:
        report = json.loads(done.stdout)
    except ValueError:
        print(f"Nothing was looked up: pip-audit did not run.\n{done.stderr.strip()[-500:]}")
        sys.exit(2)
    lines, code = told(report)
    print("\n".join(lines))
    sys.exit(code)


if __name__ == "__main__":
    main()
