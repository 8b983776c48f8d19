//! IAM of Amazon MSK: a token is a signed address (SigV4) at which nobody ever asks; the brokers check the signature.

mod credentials;
mod sign;

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tidegate_flow::WorldError;

use crate::Issued;
use crate::aws::credentials::{Credentials, Source};
use crate::http::Http;
use crate::variables::{Variables, operator};

/// All that MSK allows.
const LIFE: Duration = Duration::from_secs(900);
/// Credentials that end sooner are fetched anew. Above half of a token's life, at which the next one is asked for.
const LEFT_MIN: Duration = Duration::from_secs(600);

/// Tokens for the clusters of one region.
pub(crate) struct Msk {
    region: String,
    source: Source,
    kept: Option<Credentials>,
}

// === impl Msk ===

impl Msk {
    pub(crate) fn new(region: Option<&str>, brokers: &str, variables: &Variables) -> Result<Msk, WorldError> {
        let from_variables = || variables.get("AWS_REGION").or_else(|| variables.get("AWS_DEFAULT_REGION"));
        let region = region
            .or_else(|| region_of(brokers))
            .or_else(from_variables)
            .ok_or_else(|| operator("the AWS region is not known: set `kafka.auth.region` or AWS_REGION"))?;
        if region.is_empty()
            || !region
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        {
            return Err(operator("`kafka.auth.region` is no AWS region such as eu-north-1"));
        }
        Ok(Msk {
            source: Source::choose(region, variables)?,
            region: region.to_owned(),
            kept: None,
        })
    }

    pub(crate) fn source(&self) -> &'static str {
        self.source.name()
    }

    pub(crate) fn issue(&mut self, http: &Http, now: SystemTime) -> Result<Issued, WorldError> {
        let is_good = |kept: &Credentials| kept.expires_at.is_none_or(|end| end > now + LEFT_MIN);
        let credentials = match self.kept.take().filter(is_good) {
            Some(kept) => kept,
            None => self.source.fetch(http, now)?,
        };
        let signed = sign::connect(&self.region, &credentials, now, LIFE)?;
        // Brokers log who asks; the part is not signed, as MSK's own clients do it.
        let value = URL_SAFE_NO_PAD.encode(format!("{signed}&User-Agent=tidegate"));
        // Temporary credentials take what they signed with them.
        let expires_at = credentials.expires_at.map_or(now + LIFE, |end| end.min(now + LIFE));
        self.kept = Some(credentials);
        Ok(Issued {
            value,
            principal: "tidegate",
            expires_at,
        })
    }
}

/// The region in names such as `b-1.orders.x1y2z3.c2.kafka.eu-north-1.amazonaws.com:9098`.
fn region_of(brokers: &str) -> Option<&str> {
    let host = brokers.split(',').next()?.trim().split(':').next()?;
    if !host.contains(".amazonaws.com") {
        return None;
    }
    let mut labels = host.split('.').skip_while(|label| !matches!(*label, "kafka" | "kafka-serverless"));
    labels.next()?;
    labels.next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_region_stands_in_the_brokers_names() {
        assert_eq!(
            region_of("b-1.orders.x1y2z3.c2.kafka.eu-north-1.amazonaws.com:9098,b-2"),
            Some("eu-north-1")
        );
        assert_eq!(
            region_of("boot-abc.c1.kafka-serverless.us-gov-west-1.amazonaws.com:9098"),
            Some("us-gov-west-1")
        );
        assert_eq!(region_of("b-1.x.kafka.cn-north-1.amazonaws.com.cn:9098"), Some("cn-north-1"));
        assert_eq!(region_of("kafka.internal.example:9098"), None);
        assert_eq!(region_of(""), None);
    }
}
