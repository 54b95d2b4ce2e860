"""Judges that run as node processes: they say where to send the person, and get back where the browser arrived."""

import asyncio
import json
from dataclasses import asdict
from pathlib import Path

from tests.interop.person import Person
from tools.npm_install import NodeEnvironment

SCRIPTS = Path(__file__).parent / "node"
WAIT_SECONDS = 120.0


async def judged(node: NodeEnvironment, script: str, given: dict[str, object], person: Person) -> list[str]:
    """Run a judge with what it is `given` and the person whom it signs in; return the names of all that it found right.

    Its lines are JSON: `{"visit": url, "decision": "allow"}` is answered by where the browser went, `{"right": name}`
    is a finding. It ends with status 0, or says on its standard error what is wrong.
    """
    process = await asyncio.create_subprocess_exec(
        node.node,
        str(node.folder / script),
        json.dumps(given),
        cwd=node.folder,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(WAIT_SECONDS):
            found, complaint = await asyncio.gather(_converse(process, person), _rest(process.stderr))
            status = await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert status == 0, f"{script}, after {found}:\n{complaint}"
    return found


async def _converse(process: asyncio.subprocess.Process, person: Person) -> list[str]:
    assert process.stdin is not None
    assert process.stdout is not None
    found: list[str] = []
    async for line in process.stdout:
        said = json.loads(line)
        if "right" in said:
            found.append(said["right"])
            continue
        answer = asdict(await person.visit(said["visit"], decision=said["decision"]))
        process.stdin.write(json.dumps(answer).encode() + b"\n")
        await process.stdin.drain()
    process.stdin.close()
    return found


async def _rest(stream: asyncio.StreamReader | None) -> str:
    assert stream is not None
    return (await stream.read()).decode(errors="replace")
