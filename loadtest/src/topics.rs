//! Topics that a load test makes and removes again.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use tidegate_flow::ports::{Cluster as _, NewTopic};
use tidegate_kafka::{ClusterClient, Settings};

/// Partitions of every topic: the source's number, since records leave to the partition they came from.
pub(crate) const PARTITIONS: i32 = 6;

const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Makes topics; those that exist are left as they are. They keep everything: the events' own times are fixed and may be older than
/// what a broker keeps by default.
pub(crate) fn create(settings: &Settings, names: &[&str]) -> anyhow::Result<()> {
    let config = [("retention.ms".to_owned(), "-1".to_owned())];
    let topics: Vec<NewTopic> = names
        .iter()
        .map(|name| NewTopic {
            topic: (*name).to_owned(),
            partitions: PARTITIONS,
            config: config.to_vec(),
        })
        .collect();
    Ok(ClusterClient::connect(settings)?.create(&topics)?)
}

/// Whether the topic holds anything; a topic that does not exist holds nothing.
pub(crate) fn holds_records(settings: &Settings, name: &str) -> anyhow::Result<bool> {
    let mut cluster = ClusterClient::connect(settings)?;
    if cluster.topics(&[name.into()])?.is_empty() {
        return Ok(false);
    }
    Ok(cluster.offsets(name)?.iter().any(|(low, end)| low < end))
}

/// Removes topics, so that a long test does not fill the disk.
pub(crate) fn delete(settings: &Settings, names: &[&str]) -> anyhow::Result<()> {
    let admin: AdminClient<DefaultClientContext> = ClientConfig::new().set("bootstrap.servers", &settings.brokers).create()?;
    let options = AdminOptions::new()
        .request_timeout(Some(REQUEST_TIMEOUT))
        .operation_timeout(Some(REQUEST_TIMEOUT));
    let answers = futures::executor::block_on(admin.delete_topics(names, &options)).context("removing topics")?;
    for answer in answers {
        ensure!(answer.is_ok(), "removing a topic: {answer:?}");
    }
    Ok(())
}
