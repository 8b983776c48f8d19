"""Routes and receivers by amtool: the configuration is good, and each team's alerts go to its own receiver."""

import copy
import json
import subprocess


def complaints(tools) -> list[str]:
    with_all = ["--webhook", "http://127.0.0.1:1/", "--slack-url-file", "/etc/alertmanager/slack-url", "--platform-slack", "#tidegate",
                "--smtp", "mail.example:25", "--mail-from", "tidegate@example.com"]
    found = []
    for name, options in (("least", ["--webhook", "http://127.0.0.1:1/"]), ("most", with_all)):
        config = tools.render(*options)["alertmanager"]
        file = f"{name}.json"
        (tools.scratch / file).write_text(json.dumps(config))
        found += tools.ask("amtool", "check-config", file)
        for team, receiver in (("shop", "team-shop"), ("platform", "platform"), ("nobody", "platform")):
            argv = [tools.home / "amtool", "config", "routes", "test", f"--config.file={file}", f"team={team}", "severity=page"]
            answer = subprocess.run(argv, cwd=tools.scratch, capture_output=True, text=True, check=False)
            if answer.stdout.strip() != receiver:
                found.append(f"{name}: team {team} goes to {answer.stdout.strip() or answer.stderr.strip()}, not to {receiver}")
    silent = tools.render()["silent"]
    if silent != ["platform", "shop"]:
        found.append(f"without any channel nobody is told, and only {silent} is said")
    # amtool tells good from bad.
    wrong = copy.deepcopy(config)
    wrong["route"]["receiver"] = "missing"
    (tools.scratch / "wrong.json").write_text(json.dumps(wrong))
    if not tools.ask("amtool", "check-config", "wrong.json"):
        found.append("amtool takes a route without a receiver")
    return found
