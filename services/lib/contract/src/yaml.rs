//! YAML with positions.
/// A node of the document.
#[derive(Debug, Clone)]
pub struct Node;
