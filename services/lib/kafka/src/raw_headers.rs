//! Headers with names as bytes: the crate's accessor panics on a name that is not UTF-8, which any producer can write.
#![expect(
    unsafe_code,
    reason = "rdkafka 0.39 reads header names with an unwrap; the C call gives them as they are"
)]

use std::ffi::CStr;
use std::ptr;

use rdkafka::bindings as sys;
use rdkafka::message::{BorrowedMessage, Message as _};

/// Hands each header over in order: name, and value or null.
pub(crate) fn each(message: &BorrowedMessage<'_>, mut take: impl FnMut(&[u8], Option<&[u8]>)) {
    let Some(headers) = message.headers() else { return };
    // The crate makes this reference from the native pointer, so its address is that pointer.
    let native = ptr::from_ref(headers).cast::<sys::rd_kafka_headers_t>();
    for index in 0.. {
        let mut name = ptr::null();
        let mut value = ptr::null();
        let mut size = 0;
        // SAFETY: `native` is alive as long as `message`; the three places are written by the call, and what they point to lives in
        // the message, which outlives `take`. The loop ends with the first index that does not exist.
        unsafe {
            let error = sys::rd_kafka_header_get_all(native, index, &mut name, &mut value, &mut size);
            if error != sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR || name.is_null() {
                return;
            }
            let value = (!value.is_null()).then(|| std::slice::from_raw_parts(value.cast::<u8>(), size));
            take(CStr::from_ptr(name).to_bytes(), value);
        }
    }
}
