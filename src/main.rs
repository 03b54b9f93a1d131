//! Arguments in, exit code out.

use std::process::ExitCode;

use clap::Parser as _;
use oncecast::cli::Cli;
use oncecast::command;
use oncecast::desk::print;
use oncecast::telemetry;

/// Two threads will do: the work is waiting.
const THREADS: usize = 2;

fn main() -> ExitCode {
    let cli = Cli::parse();
    print::choose(cli.common.color);
    telemetry::init(&cli.common);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(THREADS).enable_all().build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(command::perform(cli)),
        Err(error) => {
            Err(command::Failure::new(command::exit::FAILED, format!("failed to start: {error}")))
        }
    };
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            print::note(&format!("error: {failure}\n"));
            ExitCode::from(failure.code)
        }
    }
}
