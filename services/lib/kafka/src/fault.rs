//! librdkafka's errors in our words.

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::types::RDKafkaConfRes;
use tidegate_flow::ports::{FaultClass, TransactionFault};
use tidegate_flow::{Remedy, WorldError};

/// Flags in librdkafka's order of precedence: fatal, abortable, retriable; anything without a flag is unclassified.
pub(crate) fn transaction_fault(doing: &str, error: &KafkaError) -> TransactionFault {
    let (class, code) = match error {
        KafkaError::Transaction(inner) if inner.is_fatal() => (FaultClass::Fatal, Some(inner.code())),
        KafkaError::Transaction(inner) if inner.txn_requires_abort() => (FaultClass::Abortable, Some(inner.code())),
        KafkaError::Transaction(inner) if inner.is_retriable() => (FaultClass::Retriable, Some(inner.code())),
        KafkaError::Transaction(inner) => (FaultClass::Fatal, Some(inner.code())),
        other => (FaultClass::Unclassified, other.rdkafka_error_code()),
    };
    TransactionFault {
        class,
        what: format!("{doing}: {error}"),
        operator: code.is_some_and(needs_operator),
    }
}

pub(crate) fn world_error(doing: impl Into<String>, error: KafkaError) -> WorldError {
    let remedy = match error.rdkafka_error_code() {
        Some(code) if needs_operator(code) => Remedy::Operator,
        None if matches!(error, KafkaError::ClientConfig(..) | KafkaError::ClientCreation(_)) => Remedy::Operator,
        _ => Remedy::Retry,
    };
    let advice = match error.rdkafka_error_code() {
        Some(code) if is_forbidden(code) => "; these credentials lack a right, the list is in docs/operate.md#rights",
        _ => "",
    };
    // The client's errors have no causes underneath that their text does not name.
    WorldError::new(remedy, format!("{}: {}{advice}", doing.into(), told(&error)))
}

/// The client's text, which quotes the values of properties: a misspelt `sasl.password` would show the password.
fn told(error: &KafkaError) -> String {
    match error {
        KafkaError::ClientConfig(kind, _, property, _) => match kind {
            RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN => format!("the Kafka client knows no property `{property}`; mend kafka.client"),
            _ => format!("the Kafka client does not take the value of `{property}`; mend kafka.client"),
        },
        other => other.to_string(),
    }
}

/// We are known and may not.
pub(crate) fn is_forbidden(code: Code) -> bool {
    matches!(
        code,
        Code::TopicAuthorizationFailed
            | Code::GroupAuthorizationFailed
            | Code::ClusterAuthorizationFailed
            | Code::TransactionalIdAuthorizationFailed
    )
}

/// Faults that no retry heals.
pub(crate) fn needs_operator(code: Code) -> bool {
    is_forbidden(code)
        || matches!(
            code,
            Code::SaslAuthenticationFailed
                | Code::Authentication
                | Code::UnknownTopicOrPartition
                | Code::UnknownTopic
                | Code::UnknownPartition
                | Code::InvalidTopic
                | Code::PolicyViolation
                | Code::UnsupportedVersion
                | Code::UnsupportedFeature
                | Code::InvalidTransactionTimeout
                | Code::SecurityDisabled
        )
}

#[cfg(test)]
mod tests {
    use rdkafka::ClientConfig;
    use rdkafka::consumer::BaseConsumer;

    use super::*;

    #[test]
    fn an_error_of_a_property_names_it_and_not_its_value() {
        for (property, known) in [("sasl.pasword", false), ("socket.timeout.ms", true)] {
            let made: Result<BaseConsumer, _> = ClientConfig::new().set(property, "hunter2").create();
            let error = world_error("making a client", made.err().unwrap());
            assert_eq!(error.remedy, Remedy::Operator);
            assert!(error.what.contains(property) && !error.what.contains("hunter2"), "{error}");
            assert_eq!(error.what.contains("knows no property"), !known);
        }
    }
}
