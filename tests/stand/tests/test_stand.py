"""The stand's promises: nothing is left behind, and nothing else is ever ended.

Run with `python3 -m unittest discover tests/stand/tests`; takes a few seconds
and needs no server.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

PROGRAM = Path(__file__).with_name("fake_stand.py")


class StandTest(unittest.TestCase):
    def setUp(self):
        own = tempfile.TemporaryDirectory()
        self.addCleanup(own.cleanup)
        self.own = Path(own.name)
        self.temporary = self.own / "tmp"
        self.temporary.mkdir()
        self.env = {
            **os.environ,
            "TIDEGATE_CACHE": str(self.own / "cache"),
            "TMPDIR": str(self.temporary),
            "BUILDS": str(self.own / "builds"),
        }
        self.env.pop("TIDEGATE_STAND", None)

    def stand(self, *arguments):
        return subprocess.run([sys.executable, PROGRAM, *arguments], env=self.env, capture_output=True, text=True)

    def begin(self, *arguments):
        return subprocess.Popen([sys.executable, PROGRAM, *arguments], env=self.env, stderr=subprocess.DEVNULL)

    def up(self, *arguments):
        answer = self.stand("up", "--parts", "sleeper", "--json", *arguments)
        self.assertEqual(answer.returncode, 0, answer.stderr)
        found = json.loads(answer.stdout)
        self.addCleanup(_kill, found["sleeper"]["pid"])
        return found

    def assert_nothing_left(self):
        self.assertEqual(list(self.temporary.iterdir()), [])

    def test_up_leaves_the_servers_running_and_down_ends_them(self):
        found = self.up()
        self.assertTrue(_runs(found["sleeper"]["pid"]))
        self.assertEqual(json.loads((Path(found["dir"]) / "stand.json").read_text()), found)
        self.assertEqual(self.stand("down").returncode, 0)
        self.assertFalse(_runs(found["sleeper"]["pid"]))
        self.assert_nothing_left()

    def test_stands_at_once_share_nothing_and_end_newest_first(self):
        first, second = self.up(), self.up()
        self.assertNotEqual(first["sleeper"]["port"], second["sleeper"]["port"])
        self.stand("down")
        self.assertTrue(_runs(first["sleeper"]["pid"]))
        self.assertFalse(_runs(second["sleeper"]["pid"]))
        self.stand("down")
        self.assertFalse(_runs(first["sleeper"]["pid"]))

    def test_a_named_folder_keeps_its_logs_and_can_be_used_again(self):
        folder = self.own / "mine"
        self.up("--dir", str(folder))
        self.stand("down", "--dir", str(folder))
        self.assertTrue((folder / "sleeper.log").exists())
        self.assertFalse((folder / "stand.json").exists())
        self.up("--dir", str(folder))
        self.stand("down", "--dir", str(folder))

    def test_a_running_stand_is_not_disturbed_by_another_up(self):
        folder = str(self.own / "mine")
        found = self.up("--dir", folder)
        self.assertEqual(self.stand("up", "--parts", "sleeper", "--dir", folder).returncode, 1)
        self.assertTrue(_runs(found["sleeper"]["pid"]))
        self.stand("down", "--dir", folder)

    def test_a_folder_of_somebody_else_is_refused(self):
        (self.own / "theirs").mkdir()
        (self.own / "theirs" / "thesis").touch()
        self.assertEqual(self.stand("up", "--parts", "sleeper", "--dir", str(self.own / "theirs")).returncode, 1)
        self.assertTrue((self.own / "theirs" / "thesis").exists())

    def test_a_reused_pid_is_not_ended(self):
        found = self.up()
        record = Path(found["dir"]) / "pids" / "sleeper" / "sleeper.json"
        value = json.loads(record.read_text())
        record.write_text(json.dumps({**value, "identity": value["identity"] + "1"}))
        self.stand("down")
        self.assertTrue(_runs(found["sleeper"]["pid"]))

    def test_a_part_that_dies_shows_its_log_and_stops_the_others(self):
        answer = self.stand("up", "--parts", "sleeper,dying")
        self.assertEqual(answer.returncode, 4)
        self.assertIn("no luck", answer.stderr)
        self.assertIn("    12\n", answer.stderr)
        self.assertNotIn("    11\n", answer.stderr)
        self.assert_nothing_left()

    def test_a_part_that_never_serves_is_given_up(self):
        self.assertEqual(self.stand("up", "--parts", "stubborn", "--timeout", "0.3").returncode, 4)
        self.assert_nothing_left()

    def test_a_missing_tool_is_named(self):
        answer = self.stand("install", "--parts", "sleeper,needy")
        self.assertEqual(answer.returncode, 3)
        self.assertIn("no-such-tool: not found; needed: a miracle or newer, for needy", answer.stderr)

    def test_run_passes_the_stand_in_and_the_exit_code_out(self):
        command = 'test -f "$TIDEGATE_STAND" && exit 7'
        self.assertEqual(self.stand("run", "--parts", "sleeper", "--", "sh", "-c", command).returncode, 7)
        self.assert_nothing_left()

    def test_run_ends_the_stand_on_a_signal(self):
        self.assertEqual(self.interrupted_run(signal.SIGTERM), 128 + signal.SIGTERM)
        self.assert_nothing_left()

    def test_run_ends_the_stand_even_when_killed(self):
        self.interrupted_run(signal.SIGKILL)
        _until(lambda: not list(self.temporary.iterdir()))

    def interrupted_run(self, number):
        pid_file = self.own / "pid"
        command = f'echo $$ > {pid_file}.new; mv {pid_file}.new {pid_file}; exec sleep 600'
        running = self.begin("run", "--parts", "sleeper", "--", "sh", "-c", command)
        _until(pid_file.exists)
        self.addCleanup(_kill, int(pid_file.read_text()))
        running.send_signal(number)
        return running.wait(20)

    def test_two_installs_at_once_build_once(self):
        both = [self.begin("install", "--parts", "sleeper") for _ in range(2)]
        self.assertEqual([p.wait() for p in both], [0, 0])
        self.assertEqual(Path(self.env["BUILDS"]).read_text(), "built\n")

    def test_half_an_install_is_done_again(self):
        half = self.own / "cache" / "parts" / "sleeper-1"
        half.mkdir(parents=True)
        (half / "rubbish").touch()
        self.stand("install", "--parts", "sleeper")
        self.assertEqual(sorted(p.name for p in half.iterdir()), ["installed.json", "whole"])


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _kill(pid: int) -> None:
    """Only for a test that failed to end what it started."""
    if _runs(pid):
        os.kill(pid, signal.SIGKILL)


def _until(condition, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("waited in vain")
        time.sleep(0.05)


if __name__ == "__main__":
    unittest.main()
