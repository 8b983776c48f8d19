//! Twice its memory waits for a role, in records of 10 MB: it takes them all, and its memory stays what the config says.
//!
//! `services/validator/tests/memory.rs` and `services/sink/tests/memory.rs` measure what our own buffers hold, with 500 partitions. Here the
//! Kafka client and the store's take part, as in a pod.

use bytes::Bytes;
use tidegate_flow::ports::{Cluster as _, NewTopic};
use tidegate_flow::record::Outgoing;
use tidegate_flow::{NextOffset, TopicPartition};
use tidegate_kafka::{ClusterClient, RecordWriter, Settings, group_positions};
use tidegate_tests::process::Role;
use tidegate_tests::stand::Stand;
use tidegate_tests::wait::wait;

const MIB: u64 = 1 << 20;
/// What `docs/config.md` asks for with records of this size.
const BUDGET_MIB: u64 = 256;
const BURST_MIB: u64 = 2 * BUDGET_MIB;
const LARGE: usize = 10_000_000;
const PARTITIONS: i32 = 60;
/// Letters, so that no compression makes them small.
const ALPHABET: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";

#[test]
fn a_burst_stays_within_the_memory_of_the_config() {
    let Some(stand) = Stand::get() else { return };
    let name = format!("burst-{}", std::process::id());
    let kafka = Settings::plain(stand.text("kafka", "bootstrap"));
    let topics = ["", ".validated", ".dlq"].map(|suffix| format!("{name}{suffix}"));
    let [source, validated, _] = &topics;
    let mut cluster = ClusterClient::connect(&kafka).unwrap();
    let roomy = vec![("max.message.bytes".to_owned(), (LARGE + MIB as usize).to_string())];
    let topic = |topic: &String| NewTopic {
        topic: topic.clone(),
        partitions: PARTITIONS,
        config: roomy.clone(),
    };
    cluster.create(&topics.iter().map(topic).collect::<Vec<_>>()).unwrap();
    let written = write_burst(&kafka, source);

    let folder = tempfile::tempdir().unwrap();
    let contract = format!(
        "apiVersion: v3.1.0\nkind: DataContract\nid: burst\nversion: 1.0.0\nstatus: active\nschema:\n  - name: burst\n    physicalName: {source}\n\
         \x20   physicalType: topic\n    properties:\n      - {{name: s, logicalType: string, required: true}}\n"
    );
    std::fs::create_dir(folder.path().join("contracts")).unwrap();
    std::fs::write(folder.path().join("contracts/burst.odcs.yaml"), contract).unwrap();
    let config = format!(
        "memory: {{budget_mib: {BUDGET_MIB}}}\nvalidator: {{group: {name}-validator, probe_topic: {name}.probe}}\nsink: {{group: {name}-sink, slot_age_ms: 1000}}\n"
    );
    let file = folder.path().join("tidegate.yaml");
    std::fs::write(&file, config).unwrap();
    let env: Vec<(String, String)> = [
        ("TIDEGATE_BROKERS", stand.text("kafka", "bootstrap")),
        ("TIDEGATE_CONTRACTS", folder.path().join("contracts").to_str().unwrap()),
        ("TIDEGATE_LAKE", &format!("s3://{}/{name}", stand.text("s3", "bucket"))),
        ("TIDEGATE_HTTP", "127.0.0.1:0"),
        ("AWS_ENDPOINT_URL", stand.text("s3", "endpoint")),
        ("AWS_REGION", stand.text("s3", "region")),
        ("AWS_ACCESS_KEY_ID", stand.text("s3", "access_key")),
        ("AWS_SECRET_ACCESS_KEY", stand.text("s3", "secret_key")),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec();

    for (role, command, topic) in [("validator", "validate", source), ("sink", "sink", validated)] {
        let mut running = Role::start(folder.path(), role, &[command, "--config", file.to_str().unwrap()], &env);
        let ends = cluster.offsets(topic).unwrap();
        let places: Vec<TopicPartition> = (0..PARTITIONS)
            .map(|partition| TopicPartition::new(topic.as_str(), partition))
            .collect();
        wait("the burst to be taken", &mut [&mut running], || {
            let positions = group_positions(&kafka, &format!("{name}-{role}"), &places)?;
            Ok(positions.iter().zip(&ends).all(|((_, next), (low, end))| {
                // A marker of a transaction may stand between the last record and the end.
                low == end || next.is_some_and(|NextOffset(next)| next + 1 >= end.0)
            }))
        });
        let peak = running.peak();
        eprintln!("{role}: at most {} MiB of {BUDGET_MIB} MiB, for {} MiB", peak / MIB, written / MIB);
        assert!(
            peak < BUDGET_MIB * MIB,
            "{role}: {} MiB of {BUDGET_MIB}\n{}",
            peak / MIB,
            running.tail()
        );
        assert!(running.stop().success());
    }
}

/// Records of 10 MB, and a small one on every partition; bytes.
fn write_burst(kafka: &Settings, topic: &str) -> u64 {
    let mut rng = fastrand::Rng::with_seed(9);
    let text: Vec<u8> = (0..LARGE).map(|_| ALPHABET[rng.usize(..ALPHABET.len())]).collect();
    let large = Bytes::from([br#"{"s":""#, text.as_slice(), br#""}"#].concat());
    let mut writer = RecordWriter::connect(kafka).unwrap();
    let record = |partition: i32, value: &Bytes| Outgoing {
        to: TopicPartition::new(topic, partition),
        timestamp: None,
        key: None,
        value: Some(value.clone()),
        headers: Vec::new(),
    };
    let mut written = 0;
    let count = BURST_MIB * MIB / LARGE as u64;
    for number in 0..count {
        let partition = i32::try_from(number).unwrap() % (PARTITIONS / 3);
        assert_eq!(writer.write(&[record(partition, &large)]).unwrap().delivered, 1);
        written += large.len() as u64;
    }
    let small = Bytes::from_static(br#"{"s":"y"}"#);
    let records: Vec<Outgoing> = (0..PARTITIONS).map(|partition| record(partition, &small)).collect();
    assert_eq!(writer.write(&records).unwrap().delivered, records.len());
    written
}
