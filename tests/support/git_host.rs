//! A Git host on this machine: the smart HTTP protocol of `git http-backend` behind a small server, with a password if wanted.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// Runs until it is dropped.
#[derive(Debug)]
pub struct GitHost {
    address: SocketAddr,
    closing: Arc<AtomicBool>,
    away: Arc<AtomicBool>,
    requests: Arc<AtomicUsize>,
    /// Every `Authorization` that was sent.
    seen: Arc<Mutex<Vec<String>>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl GitHost {
    /// Serves the repositories below `root`; with `credentials` (`user:password` in base64) to nobody else.
    pub fn start(root: &Path, credentials: Option<&str>) -> GitHost {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let mut host = GitHost {
            address,
            closing: Arc::default(),
            away: Arc::default(),
            requests: Arc::default(),
            seen: Arc::default(),
            thread: None,
        };
        let (closing, away, requests, seen) = (host.closing.clone(), host.away.clone(), host.requests.clone(), host.seen.clone());
        let (root, credentials) = (root.to_owned(), credentials.map(|pair| format!("Basic {pair}")));
        let thread = std::thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                if closing.load(Ordering::Acquire) {
                    return;
                }
                if away.load(Ordering::Acquire) {
                    continue;
                }
                requests.fetch_add(1, Ordering::AcqRel);
                let (root, credentials, seen) = (root.clone(), credentials.clone(), seen.clone());
                // A client that goes away ends its own thread only.
                std::thread::spawn(move || serve(stream, &root, credentials.as_deref(), &seen));
            }
        });
        host.thread = Some(thread);
        host
    }

    /// URL of a repository.
    pub fn url(&self, name: &str) -> String {
        format!("http://{}/{name}", self.address)
    }

    /// From now on every connection is closed without an answer, or no longer.
    pub fn set_away(&self, away: bool) {
        self.away.store(away, Ordering::Release);
    }

    /// Connections so far.
    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::Acquire)
    }

    /// Every `Authorization` so far.
    pub fn seen(&self) -> Vec<String> {
        self.seen.lock().expect("nobody panics with it").clone()
    }
}

impl Drop for GitHost {
    fn drop(&mut self) {
        self.closing.store(true, Ordering::Release);
        // Wakes the thread, which then sees that it is over.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(mut stream: TcpStream, root: &Path, credentials: Option<&str>, seen: &Mutex<Vec<String>>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut first = String::new();
    reader.read_line(&mut first).ok()?;
    let mut words = first.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers: Vec<(String, String)> = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        headers.push((name.to_lowercase(), value.trim().to_owned()));
    }
    let header = |name: &str| headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str());
    let body = match header("transfer-encoding") {
        Some(_) => chunked(&mut reader)?,
        None => {
            let mut body = vec![0; header("content-length").map_or(Some(0), |length| length.parse().ok())?];
            reader.read_exact(&mut body).ok()?;
            body
        }
    };
    if let Some(sent) = header("authorization") {
        seen.lock().expect("nobody panics with it").push(sent.to_owned());
    }
    if credentials.is_some() && header("authorization") != credentials {
        write!(
            stream,
            "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"git\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )
        .ok()?;
        return Some(());
    }
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let mut child = Command::new("git")
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("GIT_CONFIG_GLOBAL", config(root))
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .env("REQUEST_METHOD", &method)
        .env("PATH_INFO", path)
        .env("QUERY_STRING", query)
        .env("CONTENT_TYPE", header("content-type").unwrap_or_default())
        .env("CONTENT_LENGTH", body.len().to_string())
        .env("HTTP_CONTENT_ENCODING", header("content-encoding").unwrap_or_default())
        .env("GIT_PROTOCOL", header("git-protocol").unwrap_or_default())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let mut input = child.stdin.take()?;
    let feeding = std::thread::spawn(move || input.write_all(&body));
    let output = child.wait_with_output().ok()?.stdout;
    let _ = feeding.join();
    let split = output.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&output[..split]).into_owned();
    let status = head.lines().find_map(|line| line.strip_prefix("Status: ")).unwrap_or("200 OK");
    let kept: Vec<&str> = head.lines().filter(|line| !line.starts_with("Status: ")).collect();
    let answer = &output[split + 4..];
    write!(
        stream,
        "HTTP/1.1 {status}\r\n{}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        kept.join("\r\n"),
        answer.len()
    )
    .ok()?;
    stream.write_all(answer).ok()
}

fn chunked(reader: &mut BufReader<TcpStream>) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let length = usize::from_str_radix(line.trim(), 16).ok()?;
        let mut chunk = vec![0; length + 2];
        reader.read_exact(&mut chunk).ok()?;
        if length == 0 {
            return Some(body);
        }
        body.extend_from_slice(&chunk[..length]);
    }
}

/// Repositories of a temporary folder belong to whoever runs the test.
fn config(root: &Path) -> PathBuf {
    let path = root.join(".git-host-config");
    if !path.exists() {
        std::fs::write(&path, "[safe]\n\tdirectory = *\n").expect("the folder is ours");
    }
    path
}
