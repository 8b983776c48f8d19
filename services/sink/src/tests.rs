//! The role against a world in memory: crashes at every step, lost answers, races, and what the lake then holds.

mod accepted_loss;
mod chain_protocol;
mod exhaustive;
mod left_behind;
mod policies;
mod pressure;
mod real_contracts;
mod recreated;
mod world;
