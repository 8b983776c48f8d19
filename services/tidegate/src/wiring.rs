//! Where shells meet roles: each file fits one shell to the ports of the roles.

pub(crate) mod busy;
pub(crate) mod clock;
pub(crate) mod contracts;
pub(crate) mod event_schemas;
pub(crate) mod issuer;
pub(crate) mod judging;
pub(crate) mod lag;
pub(crate) mod metered;
pub(crate) mod meters;
pub(crate) mod schemas;
pub(crate) mod sla_watch;
pub(crate) mod undecided;
