//! The executable, run as a user runs it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// A running role; killed when dropped, by its own handle and nothing else.
#[derive(Debug)]
pub struct Role {
    name: String,
    child: Child,
    log: PathBuf,
}

/// The executable of this build.
pub fn executable() -> PathBuf {
    let mut folder = std::env::current_exe().expect("a test has a path");
    folder.pop();
    if folder.ends_with("deps") {
        folder.pop();
    }
    let path = folder.join("tidegate");
    assert!(
        path.exists(),
        "{} is not built: run `cargo build -p tidegate` (tests/run builds the whole workspace)",
        path.display()
    );
    path
}

impl Role {
    /// Starts a role; its log goes to a file of `folder`.
    pub fn start(folder: &Path, name: &str, args: &[&str], env: &[(String, String)]) -> Role {
        Role::start_in(Path::new("."), folder, name, args, env)
    }

    /// The same with another working directory.
    pub fn start_in(directory: &Path, folder: &Path, name: &str, args: &[&str], env: &[(String, String)]) -> Role {
        let log = folder.join(format!("{name}.log"));
        let out = File::create(&log).expect("the test's folder is writable");
        let child = Command::new(executable())
            .args(args)
            .current_dir(directory)
            .envs(env.iter().cloned())
            .stdin(Stdio::null())
            .stdout(out.try_clone().expect("a file can be shared"))
            .stderr(out)
            .spawn()
            .expect("the executable starts");
        Role {
            name: name.to_owned(),
            child,
            log,
        }
    }

    /// Sends a signal by its name, such as `STOP`.
    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args([&format!("-{name}"), &id]).status();
        assert!(sent.expect("kill is there").success(), "{} is gone", self.name);
    }

    /// SIGKILL.
    pub fn kill(mut self) {
        self.child.kill().expect("it is ours");
        self.child.wait().expect("it is ours");
    }

    /// Asks to stop and waits for the end.
    pub fn stop(self) -> ExitStatus {
        // One that has just ended by itself shows how below.
        let id = self.child.id().to_string();
        Command::new("kill").args(["-TERM", &id]).status().expect("kill is there");
        self.ended()
    }

    /// Asks to stop until it has ended, whatever it is about.
    pub fn stop_at_once(mut self) -> ExitStatus {
        let deadline = Instant::now() + Duration::from_secs(10);
        while self.child.try_wait().expect("it is ours").is_none() {
            assert!(Instant::now() < deadline, "{} does not end:\n{}", self.name, self.tail());
            self.signal("TERM");
            std::thread::sleep(Duration::from_millis(50));
        }
        self.ended()
    }

    /// Waits for its end.
    pub fn ended(mut self) -> ExitStatus {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            if let Some(status) = self.child.try_wait().expect("it is ours") {
                return status;
            }
            assert!(Instant::now() < deadline, "{} does not end:\n{}", self.name, self.tail());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Panics with the log's end when the role has ended by itself.
    pub fn assert_running(&mut self) {
        if let Some(status) = self.child.try_wait().expect("it is ours") {
            panic!("{} ended by itself with {status}:\n{}", self.name, self.tail());
        }
    }

    /// The memory it holds now, in bytes.
    pub fn resident(&self) -> u64 {
        self.memory("VmRSS:")
    }

    /// The most memory that it ever held, in bytes, less what is mapped from files: pages of the executable are the system's to take back,
    /// and a debug build has many more of them than a release.
    pub fn peak(&self) -> u64 {
        self.memory("VmHWM:") - self.memory("RssFile:")
    }

    /// A line of proc(5)'s `status`, in bytes.
    fn memory(&self, name: &str) -> u64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{} runs: {error}", self.name));
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let kibibytes = line.and_then(|rest| rest.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        kibibytes.unwrap_or_else(|| panic!("{} has memory", self.name)) << 10
    }

    /// Its log so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Where its log is.
    pub fn log_path(&self) -> PathBuf {
        self.log.clone()
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The end of its log.
    pub fn tail(&self) -> String {
        let text = self.log();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
