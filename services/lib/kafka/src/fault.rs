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
        other => (FaultClass::Unclassified, code_of(other)),
    };
    TransactionFault {
        class,
        what: format!("{doing}: {error}"),
        operator: code.is_some_and(needs_operator),
    }
}

pub(crate) fn world_error(doing: impl Into<String>, error: KafkaError) -> WorldError {
    let remedy = match code_of(&error) {
        Some(code) if needs_operator(code) => Remedy::Operator,
        None if matches!(error, KafkaError::ClientConfig(..) | KafkaError::ClientCreation(_)) => Remedy::Operator,
        _ => Remedy::Retry,
    };
    let advice = match code_of(&error) {
        Some(code) if is_forbidden(code) => "; these credentials lack a right, the list is in docs/operate.md#rights",
        _ => "",
    };
    // The client's errors have no causes underneath that their text does not name.
    WorldError::new(remedy, format!("{}: {}{advice}", doing.into(), told(&error)))
}

/// The brokers' or the client's code. The crate's own accessor says none for admin questions, whose refusals then look as if a retry could
/// heal them.
pub(crate) fn code_of(error: &KafkaError) -> Option<Code> {
    match error {
        KafkaError::AdminOp(code) => Some(*code),
        other => other.rdkafka_error_code(),
    }
}

/// Whether the brokers will never tell what was asked for: we may not know it, or they do not know the question. Not so where they do not
/// let us in at all: that is no answer.
pub(crate) fn is_untold(error: &KafkaError) -> bool {
    code_of(error).is_some_and(|code| is_forbidden(code) || matches!(code, Code::UnsupportedVersion | Code::UnsupportedFeature))
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

    /// Every kind of error that carries a code.
    #[test]
    fn a_refusal_is_for_somebody_to_mend_whatever_was_asked() {
        let kinds = [
            KafkaError::AdminOp,
            KafkaError::ConsumerCommit,
            KafkaError::Global,
            KafkaError::GroupListFetch,
            KafkaError::MessageConsumption,
            KafkaError::MessageProduction,
            KafkaError::MetadataFetch,
            KafkaError::OffsetFetch,
        ];
        for kind in kinds {
            let denied = world_error("asking", kind(Code::ClusterAuthorizationFailed));
            assert_eq!(denied.remedy, Remedy::Operator, "{denied}");
            assert!(denied.what.contains("lack a right"), "{denied}");
            assert_eq!(world_error("asking", kind(Code::UnsupportedVersion)).remedy, Remedy::Operator);
            assert_eq!(world_error("asking", kind(Code::OperationTimedOut)).remedy, Remedy::Retry);
            assert!(transaction_fault("asking", &kind(Code::TopicAuthorizationFailed)).operator);
        }
    }

    #[test]
    fn only_what_is_never_told_counts_as_untold() {
        for code in [
            Code::ClusterAuthorizationFailed,
            Code::TopicAuthorizationFailed,
            Code::UnsupportedVersion,
        ] {
            assert!(is_untold(&KafkaError::AdminOp(code)), "{code}");
        }
        for code in [
            Code::OperationTimedOut,
            Code::BrokerTransportFailure,
            Code::NotController,
            Code::SaslAuthenticationFailed,
        ] {
            assert!(!is_untold(&KafkaError::AdminOp(code)), "{code}");
        }
        assert!(!is_untold(&KafkaError::Canceled));
    }

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
