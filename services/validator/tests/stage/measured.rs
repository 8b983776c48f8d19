//! What hostile input may cost.

pub(crate) const MIB: usize = 1 << 20;

/// Runs in a process of its own, so that what it takes can be told from what others take: at most so many bytes more than it had, and a
/// minute of processor time without optimisation, where a walk over the square of the input takes hours.
pub(crate) fn bounded(test: &str, growth_max: usize, body: impl FnOnce()) {
    const CHILD: &str = "TIDEGATE_HOSTILE_CHILD";
    if std::env::var(CHILD).as_deref() == Ok(test) {
        let before = peak();
        body();
        let grown = peak() - before;
        assert!(grown <= growth_max, "{} MiB, at most {} MiB", grown / MIB, growth_max / MIB);
        let seconds = processor_seconds();
        assert!(seconds < 60.0, "{seconds} s");
        return;
    }
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(CHILD, test)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

/// The most that the process ever had in memory, bytes.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
}

fn processor_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
    // utime and stime, in hundredths of a second on every Linux that is built today.
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}
