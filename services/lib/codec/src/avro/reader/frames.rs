//! Open records, arrays and maps.

use crate::DEPTH_MAX;
use crate::avro::schema::NodeId;

/// Levels that need no allocation.
const NEAR: usize = 12;

/// What is open, the outermost first.
#[derive(Debug, Clone)]
pub(super) struct Frames {
    near: [Frame; NEAR],
    deep: Vec<Frame>,
}

/// One open record, array or map.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    /// Which.
    pub(super) node: NodeId,
    /// Records: next field. Arrays and maps: items left in the block.
    pub(super) count: u64,
    /// Where the block says that it ends; 0 when it does not say.
    pub(super) block_end: usize,
}

// === impl Frames ===

impl Frames {
    #[inline]
    pub(super) fn new() -> Frames {
        Frames {
            near: [Frame::of(0); NEAR],
            deep: Vec::new(),
        }
    }

    /// Whether another one may be opened in `depth` open ones.
    #[inline]
    pub(super) fn has_room(&self, depth: usize) -> bool {
        depth < DEPTH_MAX
    }

    /// Opens one in `depth` open ones.
    #[inline]
    pub(super) fn open(&mut self, depth: usize, node: NodeId) {
        match self.near.get_mut(depth) {
            Some(frame) => *frame = Frame::of(node),
            None => {
                self.deep.truncate(depth - NEAR);
                self.deep.push(Frame::of(node));
            }
        }
    }

    /// The innermost of `depth` open ones, of which there is at least one.
    #[inline]
    pub(super) fn last(&self, depth: usize) -> &Frame {
        match self.near.get(depth - 1) {
            Some(frame) => frame,
            None => &self.deep[depth - 1 - NEAR],
        }
    }

    /// Likewise.
    #[inline]
    pub(super) fn last_mut(&mut self, depth: usize) -> &mut Frame {
        match self.near.get_mut(depth - 1) {
            Some(frame) => frame,
            None => &mut self.deep[depth - 1 - NEAR],
        }
    }
}

// === impl Frame ===

impl Frame {
    fn of(node: NodeId) -> Frame {
        Frame {
            node,
            count: 0,
            block_end: 0,
        }
    }
}
