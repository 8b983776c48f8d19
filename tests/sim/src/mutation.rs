//! Protections that can be turned off, so that a test sees the simulator go red without them.
//!
//! The switches sit in the ports of this package: they make the world lie where a protection looks, or undo what it does. The roles know
//! nothing of them, and nothing of this package is in a release.

/// One protection turned off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mutation {
    /// P1: a slow, repeated or resumed commit or abort looks quick, so that its producer is kept.
    KeepsProducer,
    /// P3: every record of a batch looks acknowledged.
    BelievesDeliveries,
    /// P4: a commit that ends without a flag, or fatally, looks like one that can be aborted, and whatever is aborted looks aborted.
    CommitFaultsAreAborts,
    /// P5: a rewind rewinds nothing.
    KeepsReading,
    /// P5: what an earlier fetch brings again is handed over.
    HandsOverRepeats,
    /// P6: a partition that was lost still looks owned.
    OwnsForEver,
    /// P6: the group takes positions from members that it has removed.
    IgnoresGenerations,
    /// P7: uncommitted records are read.
    ReadsUncommitted,
    /// P7: positions are read while a transaction may still move them.
    ReadsUnstablePositions,
    /// P9: partitions are computed from keys.
    ScattersPartitions,
    /// P10: a partition that stands still is not told.
    KeepsStallsQuiet,
    /// P12: a worker that is stopped leaves its group in the dark.
    LeavesSilently,
    /// P13: an object that is said to exist is not looked at.
    BelievesConflicts,
    /// P13: a create replaces what is there.
    Overwrites,
    /// G9: the chain is not read.
    ForgetsChain,
    /// G7: the commit that judged what is open cannot be had any more.
    ForgetsCommits,
}

// === impl Mutation ===

impl Mutation {
    /// Every switch, with the name that the command line knows.
    pub const ALL: &[(Mutation, &'static str)] = &[
        (Mutation::KeepsProducer, "P1"),
        (Mutation::BelievesDeliveries, "P3"),
        (Mutation::CommitFaultsAreAborts, "P4"),
        (Mutation::KeepsReading, "P5-rewind"),
        (Mutation::HandsOverRepeats, "P5-repeats"),
        (Mutation::OwnsForEver, "P6"),
        (Mutation::IgnoresGenerations, "P6-generation"),
        (Mutation::ReadsUncommitted, "P7-isolation"),
        (Mutation::ReadsUnstablePositions, "P7-stable"),
        (Mutation::ScattersPartitions, "P9"),
        (Mutation::KeepsStallsQuiet, "P10"),
        (Mutation::LeavesSilently, "P12"),
        (Mutation::BelievesConflicts, "P13-conflict"),
        (Mutation::Overwrites, "P13-create"),
        (Mutation::ForgetsChain, "G9-chain"),
        (Mutation::ForgetsCommits, "G7-commit"),
    ];

    /// Reads a name.
    pub fn from_name(name: &str) -> Option<Mutation> {
        Mutation::ALL
            .iter()
            .find(|(_, known)| *known == name)
            .map(|(mutation, _)| *mutation)
    }
}
