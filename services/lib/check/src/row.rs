//! Where judged values go.

use tidegate_codec::Scalar;

/// Receives the values of one row in document order while it is being judged. Node numbers are those of the plan
/// ([`crate::plan::Node`]), so a sink can index its columns. A judge that wants no row uses `()`.
///
/// For lists and maps `begin` and `end` enclose the items; each map entry is its key scalar followed by its value.
/// A property that the document does not hold is not reported: the sink fills nulls at the end of each object.
pub trait RowSink {
    /// Whether anything is done with what comes; a judge need not even make values that nobody reads.
    const READS: bool = true;

    /// A leaf.
    fn scalar(&mut self, node: usize, value: &Scalar<'_>);
    /// A null of any type.
    fn null(&mut self, node: usize);
    /// Start of an object, list, map or vector.
    fn begin(&mut self, node: usize);
    /// Its end.
    fn end(&mut self, node: usize);
    /// JSON text of a value without a declared type.
    fn any(&mut self, node: usize, json: &str);
    /// A CDC column whose value the source did not send (unchanged TOAST).
    fn unavailable(&mut self, node: usize);
}

impl RowSink for () {
    const READS: bool = false;

    fn scalar(&mut self, _: usize, _: &Scalar<'_>) {}
    fn null(&mut self, _: usize) {}
    fn begin(&mut self, _: usize) {}
    fn end(&mut self, _: usize) {}
    fn any(&mut self, _: usize, _: &str) {}
    fn unavailable(&mut self, _: usize) {}
}
