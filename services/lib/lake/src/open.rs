//! From a location and options to a store.

use std::str::FromStr;
use std::sync::Arc;

use futures::TryStreamExt;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey, S3ConditionalPut};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::prefix::PrefixStore;
use object_store::{BackoffConfig, ClientConfigKey, ObjectStore, RetryConfig};
use tidegate_flow::ports::Store;
use tidegate_flow::{Remedy, WorldError};

use crate::disk::Disk;
use crate::fault;
use crate::location::Location;
use crate::options::{LakeOptions, without_user};
use crate::runtime::Blocking;
use crate::store::Lake;

/// Inside a call; past these the caller decides.
const RETRIES_MAX: usize = 4;

/// Opens a lake: `memory:`, a folder (made if missing), `s3://bucket/prefix` or `az://container/prefix`.
///
/// A remote one is asked once, so that wrong names and keys come to light now and not as an empty lake.
///
/// # Errors
///
/// [`Remedy::Operator`] for settings, names and permissions; [`Remedy::Retry`] when the store does not answer.
pub fn open(location: &str, options: &LakeOptions) -> Result<Arc<dyn Store>, WorldError> {
    Ok(Arc::new(open_lake(location, options)?))
}

pub(crate) fn open_lake(location: &str, options: &LakeOptions) -> Result<Lake, WorldError> {
    let location = Location::parse(location)?;
    let runtime = Blocking::new()?;
    let lake = match &location {
        Location::Memory => Lake::new(location, Arc::new(InMemory::new()), None, runtime),
        Location::Disk(path) => {
            let refused = |error| WorldError::caused(Remedy::Operator, format!("cannot use {} as a lake", path.display()), error);
            std::fs::create_dir_all(path).map_err(refused)?;
            let root = path.canonicalize().map_err(refused)?;
            let client =
                LocalFileSystem::new_with_prefix(&root).map_err(|error| fault::world(&format!("cannot open {location}"), &error))?;
            Lake::new(location, Arc::new(client), Some(Disk::new(root)), runtime)
        }
        Location::S3 { bucket, prefix } => {
            let client = s3(bucket, options)?;
            remote(location.clone(), prefix, client, runtime)?
        }
        Location::Azure { container, prefix } => {
            let client = azure(container, options)?;
            remote(location.clone(), prefix, client, runtime)?
        }
    };
    Ok(lake)
}

fn remote(location: Location, prefix: &str, client: Arc<dyn ObjectStore>, runtime: Blocking) -> Result<Lake, WorldError> {
    let client: Arc<dyn ObjectStore> = match prefix {
        "" => client,
        prefix => Arc::new(PrefixStore::new(client, prefix)),
    };
    let asked = client.clone();
    let answer = runtime.wait(async move { asked.list(None).try_next().await })?;
    answer.map_err(|error| fault::world(&format!("cannot list {location}"), &error))?;
    Ok(Lake::new(location, client, None, runtime))
}

fn s3(bucket: &str, options: &LakeOptions) -> Result<Arc<dyn ObjectStore>, WorldError> {
    let mut builder = AmazonS3Builder::new().with_retry(retries(options));
    for (key, value) in timeouts(options) {
        builder = builder.with_config(AmazonS3ConfigKey::Client(key), value);
    }
    for (name, value) in options.variables("AWS_")? {
        if let Ok(key) = AmazonS3ConfigKey::from_str(&name.to_ascii_lowercase()) {
            builder = builder.with_config(key, value);
        }
    }
    if let Some(endpoint) = &options.endpoint {
        // `AWS_ENDPOINT_URL_S3` would win over the plain endpoint.
        builder = builder.with_endpoint(endpoint).with_config(AmazonS3ConfigKey::S3Endpoint, endpoint);
    }
    if let Some(region) = &options.region {
        builder = builder.with_region(region);
    }
    // The variables could name another bucket or turn create-only puts off, on which the whole chain rests.
    builder = builder.with_bucket_name(bucket).with_conditional_put(S3ConditionalPut::ETagMatch);
    let endpoint = builder
        .get_config_value(&AmazonS3ConfigKey::S3Endpoint)
        .or_else(|| builder.get_config_value(&AmazonS3ConfigKey::Endpoint));
    if plain_http(endpoint.as_deref(), options)? {
        builder = builder.with_allow_http(true);
    }
    let client = builder
        .build()
        .map_err(|error| fault::world(&format!("cannot use s3://{bucket}"), &error))?;
    Ok(Arc::new(client))
}

fn azure(container: &str, options: &LakeOptions) -> Result<Arc<dyn ObjectStore>, WorldError> {
    let mut builder = MicrosoftAzureBuilder::new().with_retry(retries(options));
    for (key, value) in timeouts(options) {
        builder = builder.with_config(AzureConfigKey::Client(key), value);
    }
    for (name, value) in options.variables("AZURE_")? {
        if let Ok(key) = AzureConfigKey::from_str(&name.to_ascii_lowercase()) {
            builder = builder.with_config(key, value);
        }
    }
    if let Some(account) = &options.account {
        builder = builder.with_account(account);
    }
    if let Some(endpoint) = &options.endpoint {
        builder = builder.with_endpoint(endpoint.trim_end_matches('/').to_owned());
    }
    builder = builder.with_container_name(container);
    let emulated = builder
        .get_config_value(&AzureConfigKey::UseEmulator)
        .is_some_and(|text| text.eq_ignore_ascii_case("true"));
    if !emulated && builder.get_config_value(&AzureConfigKey::AccountName).is_none() {
        let text = format!("az://{container} needs the storage account: the setting, or AZURE_STORAGE_ACCOUNT_NAME");
        return Err(WorldError::new(Remedy::Operator, text));
    }
    if plain_http(builder.get_config_value(&AzureConfigKey::Endpoint).as_deref(), options)? {
        builder = builder.with_allow_http(true);
    }
    let client = builder
        .build()
        .map_err(|error| fault::world(&format!("cannot use az://{container}"), &error))?;
    Ok(Arc::new(client))
}

/// Whether the endpoint is plain HTTP and may be.
fn plain_http(endpoint: Option<&str>, options: &LakeOptions) -> Result<bool, WorldError> {
    let Some(rest) = endpoint.and_then(|endpoint| endpoint.strip_prefix("http://")) else {
        return Ok(false);
    };
    if options.allow_http || is_this_machine(rest) {
        return Ok(true);
    }
    let shown = without_user(&format!("http://{rest}"));
    Err(WorldError::new(
        Remedy::Operator,
        format!("{shown} would send records unencrypted: use https, or allow http in the lake's settings"),
    ))
}

fn is_this_machine(rest: &str) -> bool {
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let name = match host.strip_prefix('[') {
        Some(six) => six.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn timeouts(options: &LakeOptions) -> [(ClientConfigKey, String); 2] {
    let text = |duration: std::time::Duration| format!("{} ms", duration.as_millis());
    [
        (ClientConfigKey::Timeout, text(options.request_timeout)),
        (ClientConfigKey::ConnectTimeout, text(options.connect_timeout)),
    ]
}

fn retries(options: &LakeOptions) -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig::default(),
        max_retries: RETRIES_MAX,
        retry_timeout: options.retry_timeout,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_stays_on_this_machine() {
        let mut options = LakeOptions::default();
        for local in ["http://127.0.0.1:9000", "http://localhost/x", "http://[::1]:1/y"] {
            assert!(plain_http(Some(local), &options).unwrap(), "{local}");
        }
        for far in [
            "http://minio:9000",
            "http://10.0.0.1",
            "http://localhost.example.org",
            "http://127.0.0.1@example.org/",
        ] {
            assert_eq!(plain_http(Some(far), &options).unwrap_err().remedy, Remedy::Operator, "{far}");
        }
        assert!(!plain_http(Some("https://minio:9000"), &options).unwrap());
        assert!(!plain_http(None, &options).unwrap());
        options.allow_http = true;
        assert!(plain_http(Some("http://minio:9000"), &options).unwrap());
    }

    #[test]
    fn azure_without_an_account_says_so() {
        let error = open("az://container/x", &LakeOptions::default()).map(drop).unwrap_err();
        assert!(
            error.remedy == Remedy::Operator && error.what.contains("storage account"),
            "{error}"
        );
    }
}
