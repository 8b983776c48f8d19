//! What the brokers or their certificates refuse: silence to a question, and a reason beside it.

use std::sync::{Mutex, PoisonError};

use rdkafka::error::RDKafkaErrorCode as Code;
use tidegate_flow::{Remedy, WorldError};

/// The last thing that kept a client out and that somebody must mend. librdkafka goes on trying and tells it beside the question that
/// then stays without an answer, so questions look here.
#[derive(Debug, Default)]
pub(crate) struct Refusal(Mutex<Option<String>>);

// === impl Refusal ===

impl Refusal {
    /// Takes note of an error that the client told by itself; true if it is for somebody to mend. `reason` is librdkafka's text, which
    /// names addresses, mechanisms and causes, and no secret.
    pub(crate) fn note(&self, code: Option<Code>, reason: &str) -> bool {
        let Some((what, advice)) = code.and_then(|code| advice(code, reason)) else {
            return false;
        };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(format!("{what}: {reason}; {advice}"));
        true
    }

    /// Somebody was let in.
    pub(crate) fn clear(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// What stands in the way, if anything does.
    pub(crate) fn text(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// As an error for whoever starts the process.
    pub(crate) fn error(&self, doing: &str) -> Option<WorldError> {
        self.text()
            .map(|text| WorldError::new(Remedy::Operator, format!("{doing}: {text}")))
    }
}

fn advice(code: Code, reason: &str) -> Option<(&'static str, &'static str)> {
    const TLS: (&str, &str) = (
        "no trusted connection to the brokers",
        "check `ssl.ca.location` (who signed their certificates), the names in `kafka.brokers`, our own certificate \
         (`ssl.certificate.location`, `ssl.key.location`), and that they speak TLS 1.2 or newer",
    );
    // A connection that breaks while signing in has the same code, and heals by itself.
    let is_broken = ["Broker transport failure", "Timed out", "timed out", "unexpected eof"]
        .iter()
        .any(|text| reason.contains(text));
    match code {
        Code::Authentication | Code::SSL if is_broken => None,
        // librdkafka's own code for all of it; only its text tells them apart.
        Code::Authentication | Code::UnsupportedSASLMechanism if reason.contains("mechanism handshake failed") => Some((
            "the brokers sign in differently",
            "check `sasl.mechanism`, `security.protocol` and the port in `kafka.brokers`",
        )),
        Code::Authentication | Code::SaslAuthenticationFailed => Some((
            "the brokers do not let us in",
            "check TIDEGATE_KAFKA_USERNAME and TIDEGATE_KAFKA_PASSWORD, or whom `kafka.auth` signs in as, and that the brokers know them",
        )),
        Code::SSL => Some(TLS),
        // In TLS 1.3 the brokers judge our certificate when the handshake is over for us, so their alert (RFC 8446, section 6) comes
        // where an answer was awaited.
        Code::BrokerTransportFailure if reason.contains("SSL alert number") => Some(TLS),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_somebody_must_mend_is_kept_until_it_is() {
        let refusal = Refusal::default();
        assert!(!refusal.note(Some(Code::BrokerTransportFailure), "gone") && !refusal.note(None, "odd"));
        assert!(!refusal.note(Some(Code::BrokerTransportFailure), "SSL routines::unexpected eof while reading"));
        let broken = "SASL PLAIN mechanism handshake failed: Local: Broker transport failure: broker's supported mechanisms: (n/a)";
        assert!(!refusal.note(Some(Code::Authentication), broken));
        assert!(!refusal.note(Some(Code::SSL), "SSL routines::unexpected eof while reading"));
        assert!(refusal.error("asking").is_none());
        assert!(refusal.note(Some(Code::Authentication), "wrong password"));
        let error = refusal.error("asking").unwrap();
        assert_eq!(error.remedy, Remedy::Operator);
        assert!(
            error
                .what
                .starts_with("asking: the brokers do not let us in: wrong password; check"),
            "{error}"
        );
        refusal.clear();
        assert_eq!(refusal.text(), None);
    }
}
