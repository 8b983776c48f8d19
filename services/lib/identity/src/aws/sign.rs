//! Signature Version 4 in the query of an address (AWS, "Authenticating requests: using query parameters").

use std::time::{Duration, SystemTime};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use tidegate_flow::WorldError;

use crate::aws::credentials::Credentials;
use crate::form::joined;
use crate::variables::operator;

const SERVICE: &str = "kafka-cluster";
const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// The signed address for connecting to any cluster of the region.
pub(crate) fn connect(region: &str, credentials: &Credentials, now: SystemTime, life: Duration) -> Result<String, WorldError> {
    let (day, moment) = stamps(now)?;
    let host = format!("kafka.{region}.amazonaws.com");
    let scope = format!("{day}/{region}/{SERVICE}/aws4_request");
    let credential = format!("{}/{scope}", credentials.key_id);
    let life = life.as_secs().to_string();
    // In the order of their names, which is part of what is signed.
    let mut query = vec![
        ("Action", "kafka-cluster:Connect"),
        ("X-Amz-Algorithm", ALGORITHM),
        ("X-Amz-Credential", &credential),
        ("X-Amz-Date", &moment),
        ("X-Amz-Expires", &life),
    ];
    query.extend(credentials.session_token.as_deref().map(|token| ("X-Amz-Security-Token", token)));
    query.push(("X-Amz-SignedHeaders", "host"));
    let query = joined(&query);
    let request = format!("GET\n/\n{query}\nhost:{host}\n\nhost\n{}", hex(&Sha256::digest(b"")));
    let to_sign = format!("{ALGORITHM}\n{moment}\n{scope}\n{}", hex(&Sha256::digest(request.as_bytes())));
    let first = format!("AWS4{}", credentials.secret_key);
    let key = [&day, region, SERVICE, "aws4_request"]
        .iter()
        .fold(first.into_bytes(), |key, part| keyed(&key, part));
    Ok(format!("https://{host}/?{query}&X-Amz-Signature={}", hex(&keyed(&key, &to_sign))))
}

fn keyed(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of every length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `20260102` and `20260102T030405Z`.
fn stamps(now: SystemTime) -> Result<(String, String), WorldError> {
    let moment = jiff::Timestamp::try_from(now).map_err(|_| operator("the clock is set to no year that a calendar has"))?;
    let moment = moment.strftime("%Y%m%dT%H%M%SZ").to_string();
    let day = moment.split('T').next().unwrap_or_default().to_owned();
    Ok((day, moment))
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    /// 2026-01-02T03:04:05Z.
    const NOW: u64 = 1_767_323_045;

    fn signature(region: &str, credentials: &Credentials) -> String {
        let now = UNIX_EPOCH + Duration::from_secs(NOW);
        let url = connect(region, credentials, now, Duration::from_secs(900)).unwrap();
        assert!(
            url.starts_with(&format!(
                "https://kafka.{region}.amazonaws.com/?Action=kafka-cluster%3AConnect&X-Amz-Algorithm="
            )),
            "{url}"
        );
        url.split_once("&X-Amz-Signature=").unwrap().1.to_owned()
    }

    /// The signatures that botocore 1.43.11 (`SigV4QueryAuth`, which MSK's signer for Python uses) makes of the same.
    #[test]
    fn signs_as_botocore_does() {
        let mut credentials = Credentials {
            key_id: "AKIDEXAMPLE".into(),
            secret_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".into(),
            session_token: None,
            expires_at: None,
        };
        assert_eq!(
            signature("eu-north-1", &credentials),
            "15f7cb6be67ad7ab0a33175cb42bfa6dfb86714f24cea05e1c4b97c56f8ff414"
        );
        credentials.key_id = "ASIAEXAMPLE".into();
        credentials.session_token = Some("FwoGZXIvYXdzEXAMPLE//token+with=signs==".into());
        assert_eq!(
            signature("us-gov-west-1", &credentials),
            "276beb947e6c0a440e8ce99f8633e20c2bc8989d63a095e178205daa452af210"
        );
    }
}
