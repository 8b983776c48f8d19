"""The local overlay on a real broker: its topics, its contract, its roles with their arguments, from an event to a row and a report.

The pods' volumes are folders and the broker is the stand's; the contracts lie as git-sync leaves them, and change while it runs.
"""

import json
import os
import signal
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path

import policy
import start
from core.report import say
from overlays import Build

SECONDS = 60


def complaints(build: Build, binary: Path, scratch: Path, bootstrap: str, libs: str) -> list[str]:
    tools = f"java -XX:TieredStopAtLevel=1 -cp '{libs}/*' org.apache.kafka.tools."
    _make_topics(build, bootstrap, tools)
    repository, root, lake = scratch / "repository", scratch / "root", scratch / "lake"
    start.repository(repository)
    root.mkdir()
    start.as_git_sync_leaves_it(root, repository)
    variables = {"TIDEGATE_BROKERS": bootstrap, "TIDEGATE_CONTRACTS": f"{root}/current#:contracts", "TIDEGATE_LAKE": str(lake)}
    ports = {role: start.free_port() for role in ("validator", "sink")}
    pods = {policy.component(pod): pod for pod in policy.ours(build)}
    places, running, found = {}, {}, []
    try:
        for role, port in ports.items():
            places[role] = start.Place(build, pods[role], start.folder_in(scratch, role), None)
            places[role].name_groups("kube-flow")
            running[role] = places[role].run(binary, **variables, TIDEGATE_HTTP=f"127.0.0.1:{port}")
        for role, port in ports.items():
            if not start.comes(lambda port=port: start.get(port, "/readyz")[0] == 200, running[role]):
                return [f"{role} is never ready: {start.get(port, '/readyz')}: {places[role].log()[-2000:]}"]
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        good = [json.dumps({"visit_id": f"v{n}", "at": now, "path": "/"}) for n in range(5)]
        _produce(bootstrap, tools, [*good, json.dumps({"visit_id": "bad", "at": now, "path": "no slash"})])
        counts = {'tidegate_records_validated_total{': 5, 'tidegate_dead_letters_total{': 1}
        for metric, expected in counts.items():
            if not _within(lambda m=metric, e=expected: _value(ports["validator"], m) == e):
                found.append(f"{metric[:-1]} is {_value(ports['validator'], metric)}, not {expected}")
        found += _contracts_change(repository, root, ports["validator"], bootstrap, tools, now)
        for role, child in running.items():
            child.send_signal(signal.SIGTERM)
            code = child.wait(pods[role].spec["terminationGracePeriodSeconds"])
            if code != 0:
                found.append(f"{role}: SIGTERM ends it with {code}: {places[role].log()[-2000:]}")
    finally:
        for child in running.values():
            if child.poll() is None:
                child.kill()
                child.wait()
    if not list(lake.glob("lake/web-visits/visits/v1/date=*/*.parquet")):
        found.append(f"no row landed: {sorted(str(p.relative_to(lake)) for p in lake.rglob('*'))}")
    place = start.Place(build, pods["sla"], start.folder_in(scratch, "sla"), None)
    place.name_groups("kube-flow")
    code, text = start.end(place.run(binary, **variables), place)
    if code != 0 or '"kind":"ObservabilityResults"' not in text:
        found.append(f"the SLA check ends with {code}: {text[-2000:]}")
    return found


def _make_topics(build: Build, bootstrap: str, tools: str) -> None:
    """What the Job says, with the stand's broker and Kafka's tools where they lie here."""
    job = build.named("Job", "topics")
    command = job["spec"]["template"]["spec"]["containers"][0]["args"][0]
    command = command.replace("/opt/kafka/bin/kafka-topics.sh", f"{tools}TopicCommand").replace("kafka:9092", bootstrap)
    answer = subprocess.run(["bash", "-ec", command], capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        raise ValueError(f"the Job `topics` ends with {answer.returncode}: {answer.stdout}{answer.stderr}")


def _contracts_change(repository: Path, root: Path, port: int, bootstrap: str, tools: str, now: str) -> list[str]:
    """A new commit, and the link switched to it as git-sync does."""
    contract = repository / "contracts" / "visits.odcs.yaml"
    contract.write_text(contract.read_text().replace("version: 1.0.0", "version: 1.1.0"))
    start.git(repository, "-c", "user.name=x", "-c", "user.email=x@example.com", "commit", "--quiet", "--all", "-m", "new")
    before = os.readlink(root / "current")
    start.git(root, "fetch", "--quiet", str(repository), "main")
    commit = start.git(root, "rev-parse", "FETCH_HEAD").strip()
    start.git(root, "worktree", "add", "--quiet", "--detach", f".worktrees/{commit}", commit)
    (root / "next").symlink_to(f".worktrees/{commit}")
    os.replace(root / "next", root / "current")
    start.git(root, "worktree", "remove", "--force", before)
    began = time.monotonic()
    number = 0
    while f'commit="{commit}"' not in start.get(port, "/metrics")[1].decode():
        if time.monotonic() - began > SECONDS:
            return [f"the validator does not follow the link to {commit}"]
        # It looks for contracts when it has something to judge.
        number += 1
        _produce(bootstrap, tools, [json.dumps({"visit_id": f"w{number}", "at": now, "path": "/"})])
    say("kube", f"new contracts in force after {time.monotonic() - began:.1f} s")
    return []


def _produce(bootstrap: str, tools: str, lines: list[str]) -> None:
    subprocess.run(
        ["bash", "-ec", f"{tools}ConsoleProducer --bootstrap-server {bootstrap} --topic visits"],
        input="\n".join(lines) + "\n", text=True, check=True, capture_output=True)


def _value(port: int, prefix: str) -> float:
    lines = start.get(port, "/metrics")[1].decode().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(prefix))


def _within(true) -> bool:
    deadline = time.monotonic() + SECONDS
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True
