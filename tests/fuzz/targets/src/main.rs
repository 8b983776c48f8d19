//! `tidegate-fuzz list` names the targets, `tidegate-fuzz seeds TARGET FOLDER` writes where fuzzing begins, `tidegate-fuzz replay TARGET
//! FILE…` runs inputs without an engine, for a debugger.
#![allow(clippy::print_stdout, reason = "a tool for the terminal")]

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash as _, Hasher as _};
use std::path::Path;
use std::process::ExitCode;

use tidegate_fuzz::{TARGETS, find, seeds};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["list"] => TARGETS.iter().for_each(|target| println!("{}", target.name)),
        ["seeds", target, folder] => {
            fs::create_dir_all(folder).expect("the folder can be made");
            for seed in seeds::of(target) {
                let mut name = DefaultHasher::new();
                seed.hash(&mut name);
                fs::write(Path::new(folder).join(format!("{:016x}", name.finish())), seed).expect("the folder can be written to");
            }
        }
        ["replay", target, files @ ..] => {
            let Some(target) = find(target) else {
                println!("no target {target}");
                return ExitCode::from(2);
            };
            for file in files {
                println!("{file}");
                (target.run)(&fs::read(file).expect("the file can be read"));
            }
        }
        _ => {
            println!("tidegate-fuzz list | seeds TARGET FOLDER | replay TARGET FILE...");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}
