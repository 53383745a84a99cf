//! Energy and force of each one-body term: what an outside body gives to the atoms, and by
//! Newton's third law takes from them.

use super::{Column, Series, Values};
use crate::force::OneBodyTerms;
use crate::force::one_body::OneBodyTerm;
use crate::potential::one_body::{OneBodyForm as Form, Piston};

/// A series for each kind of term that there is; a row has an item for each table of it.
pub fn series(one_body: &OneBodyTerms) -> Vec<Series> {
    let of = |is: fn(&Form) -> bool| -> Vec<&OneBodyTerm> {
        one_body.terms().iter().filter(|term| is(&term.form)).collect()
    };
    let mut all = Vec::new();
    let planes = of(|form| matches!(form, Form::Plane(_)));
    let place = |term: &&OneBodyTerm| match &term.form {
        Form::Plane(plane) => plane.position,
        _ => f64::NAN,
    };
    all.push(Series {
        path: "/sinter/plane",
        columns: vec![
            energy(&planes, "energy of all atoms in the field of each plane"),
            force(&planes, "force of each plane on all atoms: x, y, z"),
            real("position", "Angstrom", "coordinate of each plane on its axis", &planes, place),
        ],
    });
    let pistons = of(|form| matches!(form, Form::Piston(_)));
    let its = |what: fn(&Piston, f64) -> f64| {
        move |term: &&OneBodyTerm| match &term.form {
            Form::Piston(piston) => what(piston, term.share.force[piston.axis.index()]),
            _ => f64::NAN,
        }
    };
    all.push(Series {
        path: "/sinter/piston",
        columns: vec![
            energy(&pistons, "energy of all atoms behind the face of each piston"),
            force(&pistons, "force of each piston on all atoms: x, y, z"),
            real(
                "position",
                "Angstrom",
                "coordinate of the face of each piston on its axis",
                &pistons,
                its(|piston, _| piston.position),
            ),
            real(
                "velocity",
                "Angstrom ps-1",
                "of each piston along its axis",
                &pistons,
                its(|piston, _| piston.speed()),
            ),
            real(
                "pressure",
                "GPa",
                "force of each piston on the atoms over its area; none (NaN) where it moves at a speed",
                &pistons,
                its(Piston::pressure),
            ),
            real(
                "given_energy",
                "eV",
                "what each piston has got from outside so far: its work on the atoms at a speed; at a \
                 pressure, the work of this less friction",
                &pistons,
                its(|piston, _| piston.given),
            ),
        ],
    });
    let tethers = of(|form| matches!(form, Form::Tether(_)));
    all.push(Series {
        path: "/sinter/tether",
        columns: vec![
            energy(&tethers, "energy of the springs of each table"),
            force(&tethers, "force of the springs on their atoms: x, y, z"),
        ],
    });
    let uniform = of(|form| matches!(form, Form::Uniform(_)));
    all.push(Series {
        path: "/sinter/uniform_force",
        columns: vec![
            energy(&uniform, "-F r of all atoms of each table, zero at the origin"),
            force(&uniform, "force on all atoms of each table: x, y, z"),
        ],
    });
    let fixed = of(|form| *form == Form::Fixed);
    all.push(Series {
        path: "/sinter/fixed",
        columns: vec![force(
            &fixed,
            "force that the fixed atoms of each table take from all that acts on them: x, y, z",
        )],
    });
    all.retain(|series| series.columns.iter().any(|column| !column.values.is_empty()));
    all
}

fn real(
    name: &'static str,
    unit: &'static str,
    definition: &'static str,
    terms: &[&OneBodyTerm],
    of: impl Fn(&&OneBodyTerm) -> f64,
) -> Column {
    let values = Values::Real(terms.iter().map(of).collect());
    Column { name, unit, definition, shape: vec![terms.len()], values }
}

fn energy(terms: &[&OneBodyTerm], definition: &'static str) -> Column {
    real("energy", "eV", definition, terms, |term| term.share.energy)
}

fn force(terms: &[&OneBodyTerm], definition: &'static str) -> Column {
    let values = Values::Real(terms.iter().flat_map(|term| term.share.force).collect());
    Column { name: "force", unit: "eV Angstrom-1", definition, shape: vec![terms.len(), 3], values }
}
