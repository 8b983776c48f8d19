//! The log: lines on stderr, for people or as JSON.

use std::io::IsTerminal;
use std::panic::PanicHookInfo;

use tracing_subscriber::EnvFilter;

/// How a line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Format {
    /// Short lines, coloured on a terminal unless `NO_COLOR` is set.
    #[default]
    Human,
    /// One JSON object a line: `timestamp` (RFC 3339, UTC), `level`, `target` and the fields.
    Json,
}

/// A log that cannot be set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoggingFault {
    /// Not a level and not a list of filters.
    Level(String),
    /// There is a log already.
    Twice,
}

/// Sets up the log of the process. `level` is `error`, `warn`, `info`, `debug` or `trace` for our own crates, with everything else at
/// `warn`; or a list of filters as `tracing-subscriber` reads them. A panic becomes an error line without its text, unless that text
/// is a literal: a formatted one could hold an event's content.
///
/// # Errors
///
/// A level that is none, or a second call.
pub fn init(format: Format, level: &str) -> Result<(), LoggingFault> {
    let filter = filter(level)?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let done = match format {
        Format::Human => builder.with_ansi(colours()).try_init(),
        Format::Json => builder
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false)
            .try_init(),
    };
    done.map_err(|_| LoggingFault::Twice)?;
    std::panic::set_hook(Box::new(report_panic));
    Ok(())
}

fn filter(level: &str) -> Result<EnvFilter, LoggingFault> {
    let wrong = || LoggingFault::Level(level.to_owned());
    match level.to_ascii_lowercase().as_str() {
        plain @ ("error" | "warn" | "info" | "debug" | "trace") => {
            // Clients of others log addresses and headers at their finer levels.
            let others = if plain == "error" { "error" } else { "warn" };
            EnvFilter::try_new(format!("{others},tidegate={plain}")).map_err(|_| wrong())
        }
        _ if level.contains('=') => EnvFilter::try_new(level).map_err(|_| wrong()),
        _ => Err(wrong()),
    }
}

fn colours() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

fn report_panic(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    let thread = std::thread::current();
    tracing::error!(place, thread = thread.name().unwrap_or(""), text = literal_text(panic), "panicked");
}

/// The text of a panic if it is a literal of the source.
fn literal_text<'a>(panic: &'a PanicHookInfo<'_>) -> &'a str {
    panic
        .payload()
        .downcast_ref::<&'static str>()
        .copied()
        .unwrap_or("not shown, it may hold content of an event")
}

// === impl Format ===

impl std::str::FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "human" => Ok(Format::Human),
            "json" => Ok(Format::Json),
            _ => Err("a log format is human or json".to_owned()),
        }
    }
}

// === impl LoggingFault ===

impl std::fmt::Display for LoggingFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            LoggingFault::Level(level) => {
                write!(
                    f,
                    "log level `{level}` is none of error, warn, info, debug, trace and no list such as `warn,tidegate_sink=debug`"
                )
            }
            LoggingFault::Twice => f.write_str("the log is set up already"),
        }
    }
}

impl std::error::Error for LoggingFault {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_level_is_ours_only() {
        assert_eq!(filter("Debug").unwrap().to_string(), "tidegate=debug,warn");
        assert_eq!(filter("error").unwrap().to_string(), "tidegate=error,error");
    }

    #[test]
    fn filters_pass_and_nonsense_does_not() {
        assert_eq!(filter("warn,tidegate_sink=debug").unwrap().to_string(), "tidegate_sink=debug,warn");
        for wrong in ["", "loud", "warn,tidegate=louder"] {
            assert_eq!(filter(wrong).unwrap_err(), LoggingFault::Level(wrong.to_owned()));
        }
    }

    #[test]
    fn formats_are_two() {
        assert_eq!("json".parse(), Ok(Format::Json));
        assert_eq!("human".parse(), Ok(Format::Human));
        assert!("xml".parse::<Format>().is_err());
    }

    #[test]
    fn the_log_is_set_up_once_and_panics_keep_their_content() {
        let hook = std::panic::take_hook();
        let first = init(Format::Json, "info");
        let second = init(Format::Human, "info");
        std::panic::set_hook(hook);
        assert_eq!(first, Ok(()));
        assert_eq!(second, Err(LoggingFault::Twice));
    }
}
