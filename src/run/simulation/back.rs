//! A step that is given up, because the job ends in its middle: all is as before it, and the next job makes
//! it from its beginning, to the same bits.

use super::{Simulation, departures};
use crate::atoms::Atom;
use crate::clock::Phase;
use crate::dynamics::{Integrator, IntegratorState, Progress};
use crate::error::Result;
use crate::force::one_body::TermState;
use crate::force::{OneBodyTerms, System};
use crate::geometry::Cell;
use crate::run::warnings;
use std::time::Duration;

/// The state before a step that may be given up.
pub(super) struct Before {
    progress: Progress,
    integrator: IntegratorState,
    cell: Cell,
    /// Of this rank.
    atoms: Vec<Atom>,
    one_body: Option<Vec<TermState>>,
}

impl Simulation<'_> {
    /// What is to be kept of the state, as a checkpoint would, before a step in which the job may
    /// end: one with a round of swaps.
    pub(super) fn before_long_step(&self, integrator: &Integrator) -> Option<Before> {
        let swaps = integrator.stage().swaps.as_ref();
        swaps.filter(|swaps| swaps.is_due(self.progress.step_in_stage + 1))?;
        let atoms = self.engine.atoms();
        Some(Before {
            progress: self.progress,
            integrator: integrator.state().clone(),
            cell: *self.engine.cell(),
            atoms: (0..atoms.owned).map(|i| atoms.record(i)).collect(),
            one_body: self.engine.one_body().map(OneBodyTerms::states),
        })
    }

    /// Gives up a step under way, as a job would that goes on from a checkpoint before it.
    pub(super) fn go_back(
        &mut self,
        before: Before,
        integrator: &mut Integrator,
        spent: Duration,
    ) -> Result<()> {
        let step = self.progress.step;
        self.progress = before.progress;
        self.engine = self.engine.restarted(before.cell, before.atoms)?;
        let known = self.departures.iter().map(|departure| departure.atom);
        self.engine.set_departures(departures(self.config).after(known));
        if let Some(states) = before.one_body {
            self.act_one_by_one(Some(&states))?;
        }
        self.engine.set_step(self.progress.step);
        let (engine, state) = (&mut self.engine, before.integrator);
        *integrator = Integrator::resume(&self.protocol, &self.progress, state, engine, self.comm)?;
        self.engine.clock().enter(Phase::Other);
        warnings::tell(self.comm.is_root().then(|| format!(
            "the round of swaps of step {step} was given up after {:.0} s, for the job ends: the next job does it \
             from its beginning. If it takes longer than a job, ask for fewer `attempts` at shorter intervals",
            spent.as_secs_f64()
        )));
        Ok(())
    }
}
