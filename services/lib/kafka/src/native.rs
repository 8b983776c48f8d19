//! Three admin requests that the crate does not bind: what we may do to topics, a group's state, and settings of a topic one by one
//! (KIP-339; the older request, which it binds, would put every other setting back to its default).
#![expect(
    unsafe_code,
    reason = "rdkafka 0.39 binds these requests only in rdkafka-sys; every pointer below lives within one function"
)]

use std::ffi::{CStr, CString, c_char};
use std::ptr;
use std::time::Duration;

use rdkafka::bindings as sys;
use rdkafka::client::{Client, ClientContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use crate::admin::{GroupState, Operation};

/// What the brokers say that we may do; none where they do not tell.
pub(crate) type Allowed = Option<Vec<Operation>>;

/// An event of an answer, destroyed at the end.
struct Event(*mut sys::rd_kafka_event_t);

impl Drop for Event {
    fn drop(&mut self) {
        // SAFETY: made by `ask`, destroyed here only.
        unsafe { sys::rd_kafka_event_destroy(self.0) }
    }
}

/// Sends one request and waits for its answer. `send` gets client, options and queue.
fn ask<C: ClientContext>(
    client: &Client<C>,
    operation: sys::rd_kafka_admin_op_t,
    tells_rights: bool,
    timeout: Duration,
    send: impl FnOnce(*mut sys::rd_kafka_t, *mut sys::rd_kafka_AdminOptions_t, *mut sys::rd_kafka_queue_t),
) -> Result<Event, KafkaError> {
    let millis = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: the client is borrowed; options and queue are made and destroyed here, and librdkafka copies what it needs of them; the
    // event is owned by the value that comes back.
    let event = unsafe {
        let native = client.native_ptr();
        let queue = sys::rd_kafka_queue_new(native);
        let options = sys::rd_kafka_AdminOptions_new(native, operation);
        sys::rd_kafka_AdminOptions_set_request_timeout(options, millis, ptr::null_mut(), 0);
        if tells_rights {
            let error = sys::rd_kafka_AdminOptions_set_include_authorized_operations(options, 1);
            if !error.is_null() {
                sys::rd_kafka_error_destroy(error);
            }
        }
        send(native, options, queue);
        // librdkafka answers by itself when its own time is over; the second is for a thread that is late.
        let event = sys::rd_kafka_queue_poll(queue, millis.saturating_add(1_000));
        sys::rd_kafka_AdminOptions_destroy(options);
        sys::rd_kafka_queue_destroy(queue);
        event
    };
    if event.is_null() {
        return Err(KafkaError::AdminOp(Code::OperationTimedOut));
    }
    let event = Event(event);
    // SAFETY: the event is alive.
    match Code::from(unsafe { sys::rd_kafka_event_error(event.0) }) {
        Code::NoError => Ok(event),
        code => Err(KafkaError::AdminOp(code)),
    }
}

/// A topic, and what we may do to it or why that is not told.
pub(crate) type AllowedOn = (String, Result<Allowed, Code>);

/// What we may do to each topic that is known, in the order of the answer; a topic's own error where there is one.
pub(crate) fn allowed_on_topics<C: ClientContext>(
    client: &Client<C>,
    topics: &[String],
    timeout: Duration,
) -> Result<Vec<AllowedOn>, KafkaError> {
    let names = c_names(topics)?;
    let mut pointers: Vec<*const c_char> = names.iter().map(|name| name.as_ptr()).collect();
    let operation = sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS;
    let event = ask(client, operation, true, timeout, |native, options, queue| {
        // SAFETY: names and pointers outlive the call, which copies them.
        unsafe {
            let collection = sys::rd_kafka_TopicCollection_of_topic_names(pointers.as_mut_ptr(), pointers.len());
            sys::rd_kafka_DescribeTopics(native, collection, options, queue);
            sys::rd_kafka_TopicCollection_destroy(collection);
        }
    })?;
    let mut found = Vec::with_capacity(topics.len());
    // SAFETY: everything below belongs to the event, which lives to the end of the function.
    unsafe {
        let result = sys::rd_kafka_event_DescribeTopics_result(event.0);
        let mut count = 0;
        let described = if result.is_null() {
            ptr::null_mut()
        } else {
            sys::rd_kafka_DescribeTopics_result_topics(result, &mut count)
        };
        for index in 0..if described.is_null() { 0 } else { count } {
            let topic = *described.add(index);
            let name = text(sys::rd_kafka_TopicDescription_name(topic));
            let answer = match code(sys::rd_kafka_TopicDescription_error(topic)) {
                Some(code) => Err(code),
                None => {
                    let mut count = 0;
                    let listed = sys::rd_kafka_TopicDescription_authorized_operations(topic, &mut count);
                    Ok(operations(listed, count))
                }
            };
            found.push((name, answer));
        }
    }
    Ok(found)
}

/// State of a group and what we may do to it. A group that is not there is `Dead`.
pub(crate) fn group_state<C: ClientContext>(client: &Client<C>, group: &str, timeout: Duration) -> Result<GroupState, KafkaError> {
    let names = c_names(std::slice::from_ref(&group.to_owned()))?;
    let mut pointers = [names[0].as_ptr()];
    let operation = sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS;
    let event = ask(client, operation, true, timeout, |native, options, queue| {
        // SAFETY: name and pointer outlive the call, which copies them.
        unsafe { sys::rd_kafka_DescribeConsumerGroups(native, pointers.as_mut_ptr(), 1, options, queue) }
    })?;
    // SAFETY: as above.
    unsafe {
        let result = sys::rd_kafka_event_DescribeConsumerGroups_result(event.0);
        let mut count = 0;
        let groups = if result.is_null() {
            ptr::null_mut()
        } else {
            sys::rd_kafka_DescribeConsumerGroups_result_groups(result, &mut count)
        };
        if groups.is_null() || count == 0 {
            return Err(KafkaError::AdminOp(Code::BadMessage));
        }
        let group = *groups;
        if let Some(code) = code(sys::rd_kafka_ConsumerGroupDescription_error(group)) {
            return Err(KafkaError::AdminOp(code));
        }
        let mut count = 0;
        let listed = sys::rd_kafka_ConsumerGroupDescription_authorized_operations(group, &mut count);
        Ok(GroupState {
            state: text(sys::rd_kafka_consumer_group_state_name(
                sys::rd_kafka_ConsumerGroupDescription_state(group),
            )),
            members: sys::rd_kafka_ConsumerGroupDescription_member_count(group),
            assignor: text(sys::rd_kafka_ConsumerGroupDescription_partition_assignor(group)),
            allowed: operations(listed, count),
        })
    }
}

/// Sets these settings of a topic and leaves all others as they are.
pub(crate) fn set_topic<C: ClientContext>(
    client: &Client<C>,
    topic: &str,
    settings: &[(String, String)],
    timeout: Duration,
) -> Result<(), (Code, String)> {
    let refused = |error: KafkaError| match error {
        KafkaError::AdminOp(code) => (code, "no answer about the topic".to_owned()),
        other => (other.rdkafka_error_code().unwrap_or(Code::Fail), other.to_string()),
    };
    let name = c_names(std::slice::from_ref(&topic.to_owned())).map_err(refused)?;
    let pairs: Vec<(CString, CString)> = settings
        .iter()
        .map(|(key, value)| {
            let pair = c_names(&[key.clone(), value.clone()])?;
            let [key, value] = <[CString; 2]>::try_from(pair).expect("two went in");
            Ok((key, value))
        })
        .collect::<Result<_, KafkaError>>()
        .map_err(refused)?;
    let operation = sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_INCREMENTALALTERCONFIGS;
    let event = ask(client, operation, false, timeout, |native, options, queue| {
        // SAFETY: the resource is made and destroyed here; names and values outlive the calls, which copy them.
        unsafe {
            let mut resource = sys::rd_kafka_ConfigResource_new(sys::rd_kafka_ResourceType_t::RD_KAFKA_RESOURCE_TOPIC, name[0].as_ptr());
            for (key, value) in &pairs {
                let set = sys::rd_kafka_AlterConfigOpType_t::RD_KAFKA_ALTER_CONFIG_OP_TYPE_SET;
                let error = sys::rd_kafka_ConfigResource_add_incremental_config(resource, key.as_ptr(), set, value.as_ptr());
                // Only for names that are empty or said twice, which ours are not.
                if !error.is_null() {
                    sys::rd_kafka_error_destroy(error);
                }
            }
            sys::rd_kafka_IncrementalAlterConfigs(native, &mut resource, 1, options, queue);
            sys::rd_kafka_ConfigResource_destroy(resource);
        }
    })
    .map_err(refused)?;
    // SAFETY: as above.
    unsafe {
        let result = sys::rd_kafka_event_IncrementalAlterConfigs_result(event.0);
        let mut count = 0;
        let resources = if result.is_null() {
            ptr::null_mut()
        } else {
            sys::rd_kafka_IncrementalAlterConfigs_result_resources(result, &mut count)
        };
        if resources.is_null() || count == 0 {
            return Err((Code::BadMessage, "no answer about the topic".to_owned()));
        }
        match Code::from(sys::rd_kafka_ConfigResource_error(*resources)) {
            Code::NoError => Ok(()),
            code => Err((code, text(sys::rd_kafka_ConfigResource_error_string(*resources)))),
        }
    }
}

fn c_names(names: &[String]) -> Result<Vec<CString>, KafkaError> {
    let made = names.iter().map(|name| CString::new(name.as_str()));
    made.collect::<Result<_, _>>().map_err(KafkaError::Nul)
}

/// # Safety
/// Null, or text that ends and lives.
unsafe fn text(pointer: *const c_char) -> String {
    if pointer.is_null() {
        return String::new();
    }
    // SAFETY: the caller's promise.
    unsafe { CStr::from_ptr(pointer) }.to_string_lossy().into_owned()
}

/// # Safety
/// Null, or an error that lives.
unsafe fn code(error: *const sys::rd_kafka_error_t) -> Option<Code> {
    if error.is_null() {
        return None;
    }
    // SAFETY: the caller's promise.
    match Code::from(unsafe { sys::rd_kafka_error_code(error) }) {
        Code::NoError => None,
        code => Some(code),
    }
}

/// # Safety
/// Null, or `count` operations that live.
unsafe fn operations(listed: *const sys::rd_kafka_AclOperation_t, count: usize) -> Allowed {
    if listed.is_null() {
        return None;
    }
    // Read as numbers: brokers know operations that this version of the client has no name for.
    let numbers = listed.cast::<u32>();
    // SAFETY: the caller's promise; the enum is a C int.
    let operation = |index| Operation::of(unsafe { *numbers.add(index) });
    Some((0..count).filter_map(operation).collect())
}
