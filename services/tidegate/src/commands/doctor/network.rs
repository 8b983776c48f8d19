//! Names, ports and certificates of the brokers.

use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use super::Patient;
use super::report::Line;
use crate::wiring::clock::now_micros;

/// How long one connection may take.
const CONNECT: Duration = Duration::from_secs(3);
/// More brokers are not looked at one by one: those that are named stand for the others.
const BROKERS_MAX: usize = 12;
/// Certificates that end sooner are worth a word.
const SOON_DAYS: i64 = 21;

/// Whether names lead to addresses, and addresses answer.
pub(super) fn reach(patient: &Patient) -> Vec<Line> {
    let mut lines = Vec::new();
    let named = named(&patient.kafka().brokers);
    let mut reached = Vec::new();
    for (host, port) in named.iter().take(BROKERS_MAX) {
        match answers(host, *port) {
            Ok(address) => reached.push(format!("{host}:{port} ({})", address.ip())),
            Err(line) => lines.push(line),
        }
    }
    if !reached.is_empty() {
        lines.insert(0, Line::ok(format!("{} answers", reached.join(", "))));
        // One that answers is enough to begin with.
        for line in lines.iter_mut().skip(1) {
            line.soften();
        }
    }
    lines
}

/// An address of the host that answers at the port.
pub(super) fn answers(host: &str, port: u16) -> Result<SocketAddr, Line> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let found = (bare, port).to_socket_addrs().map(Iterator::collect::<Vec<_>>);
    let addresses = match found {
        Ok(addresses) if !addresses.is_empty() => addresses,
        _ => {
            return Err(Line::wrong(
                format!("the name {host} leads to no address"),
                "mend kafka.brokers, or the DNS of this network (private zones of a VPC or of a private endpoint must be linked to it)",
            ));
        }
    };
    let mut last = None;
    for address in &addresses {
        match TcpStream::connect_timeout(address, CONNECT) {
            Ok(_) => return Ok(*address),
            Err(error) => last = Some(error),
        }
    }
    let refused = last
        .as_ref()
        .is_some_and(|error| error.kind() == std::io::ErrorKind::ConnectionRefused);
    Err(match refused {
        true => Line::wrong(
            format!("{host}:{port} refuses connections"),
            "look at the port in kafka.brokers (each way of signing in has its own), and whether the broker runs",
        ),
        false => Line::wrong(
            format!("{host}:{port} does not answer within {} s", CONNECT.as_secs()),
            "open the port in the security group, the network policy or the firewall of the namespace",
        ),
    })
}

/// When the certificates end.
pub(super) fn certificates(patient: &Patient) -> Vec<Line> {
    let client = &patient.kafka().client;
    let is_tls = patient.kafka().tokens.is_some()
        || client
            .get("security.protocol")
            .is_some_and(|protocol| protocol.trim().to_ascii_lowercase().ends_with("ssl"));
    if !is_tls {
        return vec![Line::warning(
            "the brokers are reached in the clear: events and passwords travel readable",
            "fine on this machine; else set security.protocol to ssl or sasl_ssl",
        )];
    }
    let now = now_micros() / 1_000_000;
    let mut lines = Vec::new();
    for (host, port) in named(&patient.kafka().brokers).iter().take(BROKERS_MAX) {
        // Who does not answer was told before.
        let Ok(address) = answers(host, *port) else { continue };
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        lines.push(match tidegate_web::certificate_end(address, bare, CONNECT) {
            Ok(end) if end <= now => Line::wrong(
                format!("the certificate of {host}:{port} ended {} days ago", (now - end) / 86_400),
                "renew it at the brokers; or, if it is valid there, set this machine's clock",
            ),
            Ok(end) if end - now < SOON_DAYS * 86_400 => Line::warning(
                format!("the certificate of {host}:{port} ends in {} days", (end - now) / 86_400),
                "renew it: afterwards no client gets in",
            ),
            Ok(end) => Line::ok(format!("the certificate of {host}:{port} ends in {} days", (end - now) / 86_400)),
            Err(error) => Line::wrong(
                error.to_string(),
                "look at the port: this one speaks no TLS; or set security.protocol to plaintext or sasl_plaintext if that is meant",
            ),
        });
    }
    lines
}

/// Host and port of each broker; librdkafka's default where there is no port.
pub(super) fn named(brokers: &str) -> Vec<(String, u16)> {
    let brokers = brokers.split(',').map(str::trim).filter(|broker| !broker.is_empty());
    brokers
        .map(|broker| {
            let address = broker.split_once("://").map_or(broker, |(_, rest)| rest);
            match address.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?))) {
                Some((host, port)) => (host.to_owned(), port),
                None => (address.to_owned(), 9092),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brokers_are_read_as_the_client_reads_them() {
        let of = |text: &str| named(text);
        assert_eq!(of("a:1, b:2,"), [("a".to_owned(), 1), ("b".to_owned(), 2)]);
        assert_eq!(of("SASL_SSL://a:1"), [("a".to_owned(), 1)]);
        assert_eq!(of("a"), [("a".to_owned(), 9092)]);
        assert_eq!(of("[::1]:9093"), [("[::1]".to_owned(), 9093)]);
    }
}
