//! The few bytes of Kafka's protocol that a proxy must understand to know what passes by. Source of the format: the protocol guide of
//! Apache Kafka, "Protocol Primitive Types" and the request headers v1 and v2.

use std::io::{self, Read};

/// Requests at which a fault may strike; the number is Kafka's api key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(i16)]
pub enum Request {
    /// Outcomes on their way to a leader.
    Produce = 0,
    /// Source positions without a transaction.
    OffsetCommit = 8,
    /// A member asks for its place in the group.
    JoinGroup = 11,
    /// A transactional producer gets its epoch.
    InitProducerId = 22,
    /// Partitions join the open transaction.
    AddPartitionsToTxn = 24,
    /// The group's offsets join the open transaction.
    AddOffsetsToTxn = 25,
    /// The transaction ends, either way.
    EndTxn = 26,
    /// Source positions go into the transaction.
    TxnOffsetCommit = 28,
}

/// What a request says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    /// Kafka's api key.
    pub(crate) api_key: i16,
    /// Version of the request.
    pub(crate) api_version: i16,
    /// Comes back with the answer.
    pub(crate) correlation: i32,
    /// `client.id`.
    pub(crate) client: String,
    /// Where the body begins in the frame, tagged fields of a flexible header not counted.
    pub(crate) body: usize,
}

/// Largest frame that is believed; Kafka's own limit of a request is 100 MiB.
const FRAME_MAX: usize = 128 << 20;

/// Reads one frame without its length; none at the end of the stream.
pub(crate) fn read(stream: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    match stream.read_exact(&mut length) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    let length = usize::try_from(i32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if length > FRAME_MAX {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "not a frame of Kafka"));
    }
    let mut frame = vec![0; length];
    stream.read_exact(&mut frame)?;
    Ok(Some(frame))
}

/// The header of a request.
pub(crate) fn header(frame: &[u8]) -> Option<Header> {
    let short = |at: usize| Some(i16::from_be_bytes(frame.get(at..at + 2)?.try_into().ok()?));
    let correlation = correlation(frame.get(4..)?)?;
    // Minus one says that there is no id.
    let length = usize::try_from(short(8)?).unwrap_or(0);
    Some(Header {
        api_key: short(0)?,
        api_version: short(2)?,
        correlation,
        client: String::from_utf8_lossy(frame.get(10..10 + length)?).into_owned(),
        body: 10 + length,
    })
}

/// The number that ties an answer to its request.
pub(crate) fn correlation(answer: &[u8]) -> Option<i32> {
    Some(i32::from_be_bytes(answer.get(..4)?.try_into().ok()?))
}

/// The transactional id of a request that begins with it: InitProducerId (text, of the compact kind from version 2), EndTxn (from 3).
pub(crate) fn transactional_id(frame: &[u8], header: &Header) -> Option<String> {
    let flexible_from = match header.api_key {
        22 => 2,
        26 => 3,
        _ => return None,
    };
    let body = frame.get(header.body..)?;
    let (length, rest) = if header.api_version >= flexible_from {
        // No tagged fields in the header, then a length of one byte, one too large.
        let [0, length, rest @ ..] = body else { return None };
        (usize::from(*length).checked_sub(1)?, rest)
    } else {
        let length = i16::from_be_bytes(body.get(..2)?.try_into().ok()?);
        (usize::try_from(length).ok()?, &body[2..])
    };
    Some(String::from_utf8_lossy(rest.get(..length)?).into_owned())
}

/// Error codes of an answer, one a partition where it names partitions. None for another request, or an answer of another form.
pub(crate) fn errors(answer: &[u8], request: Request, version: i16) -> Option<Vec<i16>> {
    let mut rest = Rest(answer.get(4..)?);
    match (request, version) {
        (Request::EndTxn, 0..=2) => {
            rest.take(4)?;
            let error = rest.short()?;
            rest.0.is_empty().then(|| vec![error])
        }
        // Compact: no tagged fields anywhere, lengths of one byte, one too large.
        (Request::TxnOffsetCommit, 3..=4) => {
            rest.none()?;
            rest.take(4)?;
            let mut errors = Vec::new();
            for _ in 0..rest.length()? {
                let name = rest.length()?;
                rest.take(name)?;
                for _ in 0..rest.length()? {
                    rest.take(4)?;
                    errors.push(rest.short()?);
                    rest.none()?;
                }
                rest.none()?;
            }
            rest.none()?;
            rest.0.is_empty().then_some(errors)
        }
        _ => None,
    }
}

/// What is left to read.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(bytes)?;
        self.0 = rest;
        Some(taken)
    }

    fn short(&mut self) -> Option<i16> {
        Some(i16::from_be_bytes(self.take(2)?.try_into().ok()?))
    }

    fn length(&mut self) -> Option<usize> {
        let length = self.take(1)?[0];
        (length < 128).then_some(usize::from(length).checked_sub(1)?)
    }

    fn none(&mut self) -> Option<()> {
        (self.take(1)? == [0]).then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_tell_their_errors() {
        let end = b"\x00\x00\x00\x07\x00\x00\x00\x00\x00\x2f";
        assert_eq!(errors(end, Request::EndTxn, 1), Some(vec![47]));
        assert_eq!(errors(&end[..9], Request::EndTxn, 1), None);
        assert_eq!(errors(end, Request::EndTxn, 3), None, "of another form");
        let positions = b"\0\0\0\x07\0\0\0\0\0\x02\x03ab\x03\0\0\0\0\0\0\0\0\0\0\x01\0\x5a\0\0\0";
        assert_eq!(errors(positions, Request::TxnOffsetCommit, 3), Some(vec![0, 90]));
        for length in 0..positions.len() {
            assert_eq!(errors(&positions[..length], Request::TxnOffsetCommit, 3), None);
        }
    }

    #[test]
    fn a_request_tells_who_asks_for_what() {
        let frame = b"\x00\x1a\x00\x01\x00\x00\x00\x07\x00\x03abc\x00\x02id\x00\x00".to_vec();
        let found = header(&frame).unwrap();
        assert_eq!(
            (found.api_key, found.api_version, found.correlation, &*found.client),
            (26, 1, 7, "abc")
        );
        assert_eq!(transactional_id(&frame, &found).as_deref(), Some("id"));
        let flexible = b"\x00\x16\x00\x04\x00\x00\x00\x07\x00\x03abc\x00\x03id\x00\x00".to_vec();
        assert_eq!(transactional_id(&flexible, &header(&flexible).unwrap()).as_deref(), Some("id"));
        for length in 0..frame.len() {
            let _ = header(&frame[..length]).and_then(|found| transactional_id(&frame[..length], &found));
        }
    }

    #[test]
    fn frames_are_read_whole_or_not_at_all() {
        let mut stream: &[u8] = b"\x00\x00\x00\x02ab\x00\x00\x00\x01";
        assert_eq!(read(&mut stream).unwrap().as_deref(), Some(&b"ab"[..]));
        assert!(read(&mut stream).is_err());
        assert_eq!(read(&mut &b""[..]).unwrap(), None);
    }
}
