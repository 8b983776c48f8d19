//! A small HTTP server that says what it was told to say.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// What to do with a request.
#[derive(Debug, Clone)]
pub(super) enum Answer {
    /// Status and body.
    Said(u16, String),
    /// Nothing, until the client gives up.
    Silence,
    /// Close the connection.
    Hangup,
}

/// Running until it is dropped.
pub(super) struct Server {
    address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
    closing: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Answer {
    pub(super) fn json(status: u16, body: &str) -> Answer {
        Answer::Said(status, body.to_owned())
    }
}

impl Server {
    /// Gives the answers in order, one a connection.
    pub(super) fn answering(answers: Vec<Answer>) -> Server {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let (heads, closing) = (Arc::<Mutex<Vec<String>>>::default(), Arc::<AtomicBool>::default());
        let (seen, stop) = (heads.clone(), closing.clone());
        let thread = std::thread::spawn(move || {
            let mut kept = Vec::new();
            let mut answers = answers.into_iter();
            while let Ok((stream, _)) = listener.accept() {
                if stop.load(Ordering::Acquire) {
                    return;
                }
                match answers.next() {
                    Some(answer) => kept.extend(serve(stream, &answer, &seen)),
                    None => drop(stream),
                }
            }
        });
        Server {
            address,
            heads,
            closing,
            thread: Some(thread),
        }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Method and target of each request.
    pub(super) fn asked(&self) -> Vec<String> {
        self.heads()
            .iter()
            .map(|head| head.split(" HTTP").next().unwrap().to_owned())
            .collect()
    }

    /// Request line as it came, headers in lower case.
    pub(super) fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }

    /// Stops listening.
    pub(super) fn close(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.closing.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            // Wakes the listener.
            drop(TcpStream::connect(self.address));
            thread.join().unwrap();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

fn serve(stream: TcpStream, answer: &Answer, seen: &Mutex<Vec<String>>) -> Option<TcpStream> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    let mut head = line.trim_end().to_owned();
    let mut length = 0;
    loop {
        line.clear();
        if reader.read_line(&mut line).unwrap() == 0 || line == "\r\n" {
            break;
        }
        let header = line.trim_end().to_ascii_lowercase();
        length = header.strip_prefix("content-length: ").map_or(length, |text| text.parse().unwrap());
        head.push('\n');
        head.push_str(&header);
    }
    std::io::copy(&mut reader.by_ref().take(length), &mut std::io::sink()).unwrap();
    seen.lock().unwrap().push(head);
    let mut stream = reader.into_inner();
    match answer {
        Answer::Said(status, body) => {
            let length = body.len();
            write!(
                stream,
                "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            )
            .unwrap();
            None
        }
        Answer::Silence => Some(stream),
        Answer::Hangup => None,
    }
}
