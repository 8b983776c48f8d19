//! Who is at work, for records that people read later.

use std::env;

/// What was said; else the user of this process, else the host, which in a container is the name of the pod.
pub(crate) fn who(said: Option<&str>) -> String {
    let of = |name| env::var(name).ok();
    named(said, of("LOGNAME"), of("HOSTNAME"))
}

fn named(said: Option<&str>, user: Option<String>, host: Option<String>) -> String {
    let filled = |text: &String| !text.trim().is_empty();
    said.map(str::to_owned)
        .filter(filled)
        .or_else(|| user.filter(filled))
        .or_else(|| host.filter(filled).map(|host| format!("somebody on {host}")))
        .unwrap_or_else(|| "unknown".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_no_user_has_a_name_the_host_tells() {
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(named(Some("ada"), text("root"), text("pod-1")), "ada");
        assert_eq!(named(Some(" "), text("root"), text("pod-1")), "root");
        assert_eq!(named(None, text(""), text("pod-1")), "somebody on pod-1");
        assert_eq!(named(None, None, None), "unknown");
    }
}
