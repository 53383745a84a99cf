//! `sinter-hpc serve`: the force field of an input for another program that moves the atoms.
//!
//! i-PI's protocol, in which this is the client: it connects to a socket and answers. The
//! protocol tells positions and three cell vectors and nothing else, so elements, number of
//! atoms and periodic directions are those of the structure that the input describes, and atoms
//! come in the order in which `sinter-hpc build` writes them. Energy, forces and virial are
//! those of `evaluate`, whatever was asked before.
//!
//! The first rank talks (`session`, over what `address` connects) and tells the others, which
//! sleep meanwhile (`Comm::wait_for_root`); all evaluate (`system`).

mod address;
mod session;
mod system;

use super::threads::Threads;
use super::{potential, warnings};
use crate::build;
use crate::comm::Comm;
use crate::error::{Error, Result};
use crate::input::{Arrangement, Config};
use crate::write::log::Log;
use address::{Address, Stream};
use session::{Ask, End, Session};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use system::{Expected, Served};

/// For another program that asks over a socket.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    /// Input file: its force field and its structure count; stages may be missing
    #[arg(value_name = "INPUT.toml")]
    pub input: PathBuf,
    /// Where the other program listens: unix:NAME (the file /tmp/ipi_NAME, as i-PI and ASE name
    /// it), unix:/PATH, or HOST:PORT
    #[arg(long, value_name = "unix:NAME|HOST:PORT", value_parser = Address::parse)]
    pub socket: Address,
    /// Seconds for which to try again where nobody listens yet
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds, allow_negative_numbers = true)]
    pub patience: Duration,
    /// Energies of single atoms, too: eV, in the extras of the protocol, as {"energies": [...]}
    #[arg(long)]
    pub energies: bool,
    #[command(flatten)]
    pub threads: Threads,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let wrong = || "a number of seconds, 0 or more, is wanted".to_string();
    let given = text.parse().map_err(|_| wrong())?;
    Duration::try_from_secs_f64(given).map_err(|_| wrong())
}

/// Serves until the other program ends it. Collective.
///
/// # Errors
/// For a bad input, and where the other program cannot be reached, goes away or asks what cannot be
/// evaluated.
pub fn serve(comm: &Comm, arguments: &Arguments, log: &Log) -> Result<()> {
    let mut config = comm.agree(read_input(arguments))?;
    let (potential, own) = comm.agree(potential::potential(&mut config))?;
    warnings::tell(&own.warnings);
    warnings::of_potential_beside(&potential, comm);
    let built = build::structure(&config, comm)?;
    let expected = Expected::of(&built, &config, &potential, comm);
    warnings::forget_densities(&potential);
    let mut served = Served::begin(&config, &potential, built, arguments.energies, comm)?;
    log.say(&expected.told());

    let connected = comm.is_root().then(|| arguments.socket.connect(arguments.patience));
    let mut session = comm.agree(connected.transpose())?.map(Session::over);
    log.say(&format!("connected to {}", arguments.socket));
    let end = serve_over(&mut session, &mut served, &expected, comm)?;
    warnings::of_densities(&potential, comm);
    let asked = match end {
        Some(End::Closed) if !served.was_asked() => Err(Error::Run(
            "the other program closed the connection before it asked for anything".into(),
        )),
        _ => Ok(()),
    };
    comm.agree(asked)?;
    // The first rank knows how, and is the one that says so.
    log.say(&format!("{}: {}", end.map_or("", End::told), served.told()));
    Ok(())
}

/// The input, without what no force field needs and with the particles where they stand together.
fn read_input(arguments: &Arguments) -> Result<Config> {
    let mut config = warnings::read_system(&arguments.input)?;
    if !config.pistons.is_empty() {
        let message = "a piston moves with the time of a run, and who asks over a socket has a time of \
                       its own: leave it out, or make it a `[[plane]]`";
        return Err(config.source.error("piston", message));
    }
    for stage in &mut config.stages {
        stage.particles = Arrangement::Together;
    }
    Ok(config)
}

/// Answers until the end, which the first rank learns of and tells.
fn serve_over(
    session: &mut Option<Session<Stream>>,
    served: &mut Served,
    expected: &Expected,
    comm: &Comm,
) -> Result<Option<End>> {
    loop {
        let asked = session.as_mut().map(|session| session.next(expected));
        comm.wait_for_root();
        let began = Instant::now();
        let asked = comm.agree(asked.transpose())?;
        let frame = match &asked {
            Some(Ask::Evaluate(frame)) => Some(frame),
            _ => None,
        };
        let Some(answer) = served.evaluate(frame)? else {
            return Ok(match asked {
                Some(Ask::End(end)) => Some(end),
                _ => None,
            });
        };
        if let Some(session) = session {
            session.answer(answer);
        }
        served.count(began.elapsed());
    }
}
