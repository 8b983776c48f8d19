//! The executable: arguments, config, wiring, signals, exit codes. The only place where roles and shells meet.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests"))]

mod build;
mod cli;
mod commands;
mod config;
mod exit;
mod memory;
mod review;
mod screen;
mod signals;
mod table;
mod who;
mod wiring;

use clap::Parser as _;

use crate::cli::{AlertsCommand, Cli, Command, DlqCommand, LogFormat, RegistryCommand, SlaCommand, TopicsCommand};
use crate::exit::Exit;

fn main() -> std::process::ExitCode {
    let cli = Cli::parse();
    let format = match cli.common.log_format {
        LogFormat::Human => tidegate_telemetry::logging::Format::Human,
        LogFormat::Json => tidegate_telemetry::logging::Format::Json,
    };
    // The demo tells its story on the screen; its log would bury it.
    let quiet = matches!(cli.command, Command::Demo(_)) && cli.common.log_level == "info";
    let level = if quiet { "error" } else { &cli.common.log_level };
    if let Err(fault) = tidegate_telemetry::logging::init(format, level) {
        eprintln!("error: {fault}");
        return std::process::ExitCode::from(Exit::CouldNotTell as u8);
    }
    let exit = match cli.command {
        Command::Check(args) => commands::check::run(&args),
        Command::Try(args) => commands::attempt::run(&args),
        Command::Export(args) => commands::export::run(&args),
        Command::Lint(args) => commands::lint::run(&args),
        Command::Diff(args) => commands::diff::run(&args),
        Command::Preview(args) => commands::preview::run(&args),
        Command::Infer(args) => commands::infer::run(&args),
        Command::Test(args) => commands::test::run(&args),
        Command::Ci(args) => commands::ci::run(&args),
        Command::Init(args) => commands::init::run(&args),
        Command::Schema => commands::schema::run(),
        Command::Explain(args) => commands::explain::run(&args),
        Command::Validate(args) => commands::validate::run(&args),
        Command::Sink(args) => commands::sink::run(&args),
        Command::Sla { command } => match command {
            SlaCommand::Run(args) => commands::sla::run(&args),
            SlaCommand::Serve(args) => commands::sla::serve(&args),
            SlaCommand::History(args) => commands::sla::history(&args),
        },
        Command::Registry {
            command: RegistryCommand::Serve(args),
        } => commands::registry::run(&args),
        Command::Registry {
            command: RegistryCommand::Ids(args),
        } => commands::schema_ids::run(&args),
        Command::Bundle(args) => commands::bundle::run(&args),
        Command::Dlq { command } => match command {
            DlqCommand::Ls(args) => commands::dlq::ls(&args),
            DlqCommand::Count(args) => commands::dlq::count(&args),
            DlqCommand::Show(args) => commands::dlq::show(&args),
            DlqCommand::Export(args) => commands::dlq::export(&args),
            DlqCommand::Mark(args) => commands::dlq::mark(&args),
        },
        Command::Replay(args) => commands::replay::run(&args),
        Command::Alerts {
            command: AlertsCommand::Render(args),
        } => commands::alerts::run(&args),
        Command::Resume(args) => commands::resume::run(&args),
        Command::Audit(args) => commands::audit::run(&args),
        Command::Topics { command } => match command {
            TopicsCommand::Render(args) => commands::topics::render(&args),
            TopicsCommand::Apply(args) => commands::topics::apply(&args),
            TopicsCommand::Check(args) => commands::topics::check(&args),
        },
        Command::Doctor(args) => commands::doctor::run(&args),
        Command::Demo(args) => commands::demo::run(&args),
        Command::Version(args) => commands::version::run(&args),
    };
    std::process::ExitCode::from(exit as u8)
}
