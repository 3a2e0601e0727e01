//! `leafhold worker`, and the driver's side of it.

use std::io::IsTerminal;
use std::process::Command;
use std::sync::Arc;

use leafhold::expr::wire::ReadContext;
use leafhold::run::process::{ProcessWorkers, worker_process};
use leafhold::run::work::{ObserverRequest, WorkObservers};
use leafhold_datafusion::{DataFusionCodec, DataFusionKernels, EngineFunctions};

use crate::error::CliError;

/// Serves the driver at the other end of standard input, until it is gone.
pub fn worker() -> Result<(), CliError> {
    if std::io::stdin().is_terminal() {
        let message = "a worker is started by a driver, which `leafhold run --isolate N` is";
        return Err(CliError::Usage(message.to_owned()));
    }
    let context = ReadContext::new(&EngineFunctions).with_codec(&DataFusionCodec);
    worker_process(&DataFusionKernels, &WorkObservers::default(), &context).map_err(CliError::of)
}

/// A name after `--observe`: one of the observers that ship, which a worker knows as well.
pub fn observer(name: &str) -> Result<ObserverRequest, String> {
    let request = ObserverRequest::new(name);
    let known = WorkObservers::default();
    match known.check(std::slice::from_ref(&request), "leafhold") {
        Ok(()) => Ok(request),
        Err(_) => Err(format!("there are: {}", known.names().map(|name| &**name).collect::<Vec<_>>().join(", "))),
    }
}

/// So many workers that are processes of this very program.
pub fn workers(processes: usize) -> ProcessWorkers {
    let program = std::env::current_exe().unwrap_or_else(|_| "leafhold".into());
    let command = move || {
        let mut command = Command::new(&program);
        command.arg("worker");
        command
    };
    ProcessWorkers::new(Arc::new(DataFusionKernels), processes, command).with_codec(Arc::new(DataFusionCodec))
}
