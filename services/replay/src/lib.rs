//! Dead letters: what there is of them, in groups ([`fold`], [`survey`](mod@survey)), what people say about a group ([`mark`]), and the way
//! back ([`rehearse`](mod@rehearse), [`run`]).
//!
//! Reads what the validator wrote by its headers alone, and knows no Kafka library. A replay is a named piece of work whose progress is
//! committed in the same transactions as what it sends; stopped anywhere, it goes on where it was.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests"))]

pub mod board;
pub mod decide;
pub mod done;
pub mod earlier;
pub mod effort;
pub mod filter;
pub mod fold;
pub mod forward;
pub mod job;
pub mod letter;
pub mod mark;
pub mod mask;
pub mod order;
pub mod ports;
pub mod rehearse;
pub mod run;
pub mod survey;

pub use board::Board;
pub use earlier::Earlier;
pub use effort::Effort;
pub use filter::Filter;
pub use fold::{Fold, Group};
pub use job::{Counts, Job, Stretch};
pub use letter::{Class, Letter};
pub use mark::{Mark, Said, Standing, Statement};
pub use ports::{Contracts, Ruling, Watch};
