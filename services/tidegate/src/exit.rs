//! Exit codes. Offline tools: 0 clean, 1 findings, 2 misuse or could not tell. Roles: sysexits.

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All is well.
    Clean = 0,
    /// Events are invalid, an SLA is breached, an audit is not clean.
    Findings = 1,
    /// Misuse, or it could not be told.
    CouldNotTell = 2,
    /// EX_UNAVAILABLE: something that must be there cannot be reached.
    Unreachable = 69,
    /// EX_TEMPFAIL: start me again.
    TryAgain = 75,
    /// EX_CONFIG: somebody must change configuration, permissions or topics.
    Config = 78,
}

impl Exit {
    /// The code of an offline tool's report: 0 clean, 1 findings, anything else could not tell.
    pub(crate) fn of_report(code: u8) -> Exit {
        match code {
            0 => Exit::Clean,
            1 => Exit::Findings,
            _ => Exit::CouldNotTell,
        }
    }

    /// The code of a role that ended with an error of the world.
    pub(crate) fn of_role(error: &tidegate_flow::WorldError) -> Exit {
        use tidegate_flow::Remedy;
        match error.remedy {
            Remedy::Operator => Exit::Config,
            Remedy::Retry => Exit::Unreachable,
            Remedy::Reread | Remedy::Bug => Exit::TryAgain,
        }
    }
}
