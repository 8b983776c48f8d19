//! Kafka's topic ids (KIP-516). The crate has no safe binding for DescribeTopics, so this one module calls librdkafka directly.
#![expect(
    unsafe_code,
    reason = "rdkafka 0.39 binds DescribeTopics only in rdkafka-sys; every pointer below lives within one function"
)]

use std::ffi::{CStr, CString};
use std::ptr;
use std::time::Duration;

use rdkafka::bindings as sys;
use rdkafka::client::{Client, ClientContext};

/// The id as librdkafka prints it: 22 characters of base64. None when the broker has none or the topic is not known.
pub(crate) fn topic_id<C: ClientContext>(client: &Client<C>, topic: &str, timeout: Duration) -> Option<String> {
    let name = CString::new(topic).ok()?;
    let mut names = [name.as_ptr()];
    // SAFETY: every object made here is destroyed here; `names` outlives the call that reads it; accessor results are read
    // before the event that owns them is destroyed; the client pointer is valid while `client` is borrowed.
    unsafe {
        let native = client.native_ptr();
        let collection = sys::rd_kafka_TopicCollection_of_topic_names(names.as_mut_ptr(), 1);
        let queue = sys::rd_kafka_queue_new(native);
        let options = sys::rd_kafka_AdminOptions_new(native, sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS);
        let millis = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
        sys::rd_kafka_AdminOptions_set_request_timeout(options, millis, ptr::null_mut(), 0);
        sys::rd_kafka_DescribeTopics(native, collection, options, queue);
        let event = sys::rd_kafka_queue_poll(queue, millis);
        let id = if event.is_null() { None } else { read_id(event) };
        if !event.is_null() {
            sys::rd_kafka_event_destroy(event);
        }
        sys::rd_kafka_AdminOptions_destroy(options);
        sys::rd_kafka_queue_destroy(queue);
        sys::rd_kafka_TopicCollection_destroy(collection);
        id
    }
}

/// # Safety
/// `event` is a live event of a DescribeTopics call for one topic.
unsafe fn read_id(event: *mut sys::rd_kafka_event_t) -> Option<String> {
    // SAFETY: the caller keeps the event alive; each pointer is checked before it is read.
    unsafe {
        let result = sys::rd_kafka_event_DescribeTopics_result(event);
        if result.is_null() {
            return None;
        }
        let mut count = 0;
        let topics = sys::rd_kafka_DescribeTopics_result_topics(result, &mut count);
        if topics.is_null() || count == 0 {
            return None;
        }
        let description = *topics;
        let error = sys::rd_kafka_TopicDescription_error(description);
        if !error.is_null() && sys::rd_kafka_error_code(error) != sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
            return None;
        }
        let uuid = sys::rd_kafka_TopicDescription_topic_id(description);
        if uuid.is_null() {
            return None;
        }
        let text = sys::rd_kafka_Uuid_base64str(uuid);
        if text.is_null() {
            return None;
        }
        let id = CStr::from_ptr(text).to_str().ok()?.to_owned();
        // The zero UUID stands for "no id".
        (!id.is_empty() && !id.trim_matches('A').is_empty()).then_some(id)
    }
}
