//! From the command line to the exit code.

use sinter_hpc::comm::{Comm, abort_on_panic};
use sinter_hpc::run::arguments::Arguments;
use sinter_hpc::terminal::tell_error;
use sinter_hpc::{Error, run};
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = Arguments::read(std::env::args_os());
    // A run takes MPI; everything else works where MPI cannot start, as on the
    // front end of a cluster.
    let runs = arguments.as_ref().is_ok_and(|arguments| arguments.run.is_some());
    let comm = match if runs { Comm::world() } else { Comm::world_if_launched() } {
        Ok(comm) => comm,
        Err(error) => {
            tell_error(&error, "");
            return exit(error.exit_code());
        }
    };
    abort_on_panic(&comm);
    exit(match arguments {
        Ok(arguments) => match run::execute(&arguments, &comm) {
            Ok(ending) => ending.exit_code(),
            Err(error) => failed(&error, &comm),
        },
        Err(usage) => {
            if comm.is_root() {
                // Help goes to standard output; a reader that has gone is no failure.
                let _ = usage.print();
            }
            usage.exit_code()
        }
    })
}

/// Tells what went wrong, once, and gives the exit code. A rank that fails alone
/// ends all others, which would wait for it for ever.
fn failed(error: &Error, comm: &Comm) -> i32 {
    let code = error.exit_code();
    if !comm.agreed_on(error) {
        tell_error(error, &format!("rank {} of {}: ", comm.rank(), comm.size()));
        comm.abort(code);
    }
    if comm.is_root() {
        tell_error(error, "");
    }
    if error.is_failure() {
        comm.leave(code);
    }
    code
}

fn exit(code: i32) -> ExitCode {
    ExitCode::from(code as u8)
}
