//! How tests start programs on several ranks.

use std::path::Path;
use std::process::Command;

/// Seconds after which a launch counts as hung.
const HUNG: &str = "300";

/// A program on so many ranks, on however few cores. The launcher is `$MPIRUN`
/// or else `mpirun`; `tools/setup.sh` sets it to that of the library in use.
pub fn mpirun(ranks: usize, program: &Path) -> Command {
    let mut command = Command::new(std::env::var("MPIRUN").unwrap_or_else(|_| "mpirun".into()));
    command.arg("-n").arg(ranks.to_string()).arg(program);
    command.env("MPIEXEC_TIMEOUT", HUNG);
    // Open MPI counts cores and refuses root unless told otherwise; other
    // libraries do not know these variables.
    for variable in [
        "OMPI_ALLOW_RUN_AS_ROOT",
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM",
        "OMPI_MCA_rmaps_base_oversubscribe",
    ] {
        command.env(variable, "1");
    }
    command.env("PRTE_MCA_rmaps_default_mapping_policy", ":oversubscribe");
    command
}
