//! The primitive values of Avro's binary encoding (Avro specification 1.11, "Binary Encoding"), and text of its fixed logical types.

use std::fmt::Write as _;

use super::AvroReader;
use crate::failure::{DecodeFailure, Detail};

impl<'b> AvroReader<'b> {
    #[inline]
    pub(super) fn byte(&mut self) -> Result<u8, DecodeFailure> {
        match self.datum.get(self.at) {
            Some(byte) => {
                self.at += 1;
                Ok(*byte)
            }
            None => self.fail(Detail::Truncated, self.at),
        }
    }

    #[inline]
    pub(super) fn cut(&mut self, size: usize) -> Result<&'b [u8], DecodeFailure> {
        match self.datum[self.at..].get(..size) {
            Some(bytes) => {
                self.at += size;
                Ok(bytes)
            }
            None => self.fail(Detail::Truncated, self.at),
        }
    }

    #[inline]
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeFailure> {
        match self.datum[self.at..].first_chunk::<N>() {
            Some(bytes) => {
                self.at += N;
                Ok(*bytes)
            }
            None => self.fail(Detail::Truncated, self.at),
        }
    }

    #[inline]
    pub(super) fn bytes(&mut self) -> Result<&'b [u8], DecodeFailure> {
        let start = self.at;
        match usize::try_from(self.long()?) {
            Ok(size) => self.cut(size),
            Err(_) => self.fail(Detail::Syntax, start),
        }
    }

    #[inline]
    pub(super) fn string(&mut self) -> Result<&'b str, DecodeFailure> {
        let bytes = self.bytes()?;
        let start = self.at - bytes.len();
        std::str::from_utf8(bytes).or_else(|error| self.fail(Detail::BadEncoding, start + error.valid_up_to()))
    }

    #[inline]
    pub(super) fn int(&mut self) -> Result<i32, DecodeFailure> {
        let start = self.at;
        let value = self.long()?;
        i32::try_from(value).or_else(|_| self.fail(Detail::NumberOutOfRange, start))
    }

    /// Zig-zag in groups of 7 bits, the lowest first; at most 10 bytes, and no bits past the 64th.
    #[inline]
    pub(super) fn long(&mut self) -> Result<i64, DecodeFailure> {
        let start = self.at;
        let mut value = 0_u64;
        for shift in (0..70).step_by(7) {
            let byte = self.byte()?;
            if shift == 63 && byte > 1 {
                break;
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok((value >> 1) as i64 ^ -((value & 1) as i64));
            }
        }
        self.fail(Detail::Syntax, start)
    }
}

/// RFC 9562 text.
pub(super) fn uuid(bytes: &[u8; 16]) -> String {
    let mut text = String::with_capacity(36);
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// ISO 8601 text of months, days and milliseconds.
pub(super) fn duration(bytes: &[u8; 12]) -> String {
    let part = |at: usize| bytes[at..].first_chunk::<4>().map_or(0, |part| u32::from_le_bytes(*part));
    let millis = part(8);
    format!("P{}M{}DT{}.{:03}S", part(0), part(4), millis / 1000, millis % 1000)
}
