use super::*;
use crate::input::schema::Shape;
use crate::input::{effective, parse_of_earlier_job};
use serde::Deserialize;
use std::path::Path;

/// Every table, and every key that has an effect: not an input that could run.
const EVERYTHING: &str = r#"
[potential]
library = "l"
parameters = "p"
elements = ["Pt", "Fe=Fe2"]
[box]
boundary = ["free", "free", "periodic"]
lengths_angstrom = [50, 50, 60]
[[particle]]
atoms = 100
diameter_nm = 2
lattice_constant_angstrom = 3.9
composition = { Pt = 0.5, Fe = 0.5 }
adatoms = { removed_fraction = 0.5 }
centre_angstrom = [0, 0, 0]
[placement]
gap_angstrom = 4
[structure]
file = "s.data"
types = ["Pt"]
[crystal]
lattice = "fcc"
lattice_constant_angstrom = 3.9
composition = { Pt = 0.5, Fe = 0.5 }
[[stage]]
kind = "minimise"
particles = "apart"
max_steps = 30
[[stage]]
kind = "hold"
particles = "apart"
temperature_k = 300
duration_ps = 1
remove_linear_momentum = "particle"
remove_angular_momentum = "particle"
[[stage]]
kind = "heat"
temperature_k = 300
end_temperature_k = 400
duration_ps = 1
[[stage]]
kind = "hold"
temperature_k = 400
duration_ps = 1
integrator = "position-verlet"
[traces]
atoms = "gap"
ids = [1]
[checkpoint]
every_steps = 100
[stop]
walltime = "1:00:00"
neck_ratio = 0.5
coalesced_within = 0.1
energy_drift_ev_per_atom = 0.1
"#;
const STAGES: usize = 4;

/// Of these only the future is another.
const NEVER: &[&str] = &[
    "title",
    "dynamics.skin_angstrom",
    "stage.name",
    "stage.trajectory_interval_ps",
    "stage.series_interval_ps",
    "output.trajectory_interval_ps",
    "output.series_interval_ps",
    "output.neck_hold_ps",
    "output.surface_interval_ps",
    "traces.interval_ps",
    "output.energy_bound_ev_per_atom",
];

fn parse(text: &str) -> Config {
    parse_of_earlier_job(text, Path::new("/in.toml")).unwrap()
}

fn asked(config: &Config) -> Asked<'_> {
    let file = |key: &str, path: &str| {
        (key.to_string(), Some(File { name: path.into(), sum: path.repeat(12), text: None }))
    };
    let structure = config.structure.iter().map(|s| ("structure.file".to_string(), &*s.file));
    let files = config.potential_files().into_iter().chain(structure);
    let files = files.map(|(key, path)| file(&key, path.to_str().unwrap())).collect();
    Asked { config, files }
}

fn at(stage: usize, steps: u64) -> Standing {
    Standing {
        checkpoint: "checkpoint-7.h5".into(),
        step: 7,
        stage,
        steps,
        minimised: None,
        new_trajectory: false,
    }
}

fn told(then: &str, now: &str, standing: &Standing) -> Result<Changes> {
    compare(&asked(&parse(then)), &asked(&parse(now)), standing)
}

/// Another value of the same shape.
fn another(shape: &Shape, value: Option<&Value>) -> Option<Value> {
    let number = value.and_then(Value::as_f64);
    Some(match shape {
        Shape::Number(range) => {
            let values = [number.unwrap_or(1.0) * 1.5, number.unwrap_or(1.0) * 0.6, 0.5];
            json!(values.into_iter().find(|x| range.holds(*x) && Some(*x) != number)?)
        }
        Shape::Whole(_) => json!(number.unwrap_or(1.0) as i64 + 1),
        Shape::Text => json!(format!("{}x", value.and_then(Value::as_str).unwrap_or("s"))),
        Shape::Flag => json!(!value?.as_bool()?),
        Shape::Choice(choices) => {
            json!(choices.iter().map(|c| &c.name).find(|name| Some(json!(name)).as_ref() != value)?)
        }
        Shape::List { item, .. } => {
            let mut items = value.and_then(Value::as_array).cloned().unwrap_or_default();
            match items.last_mut() {
                Some(last) => *last = another(item, Some(&last.clone()))?,
                None => items.push(another(item, None)?),
            }
            json!(items)
        }
        Shape::Map { .. } => {
            let mut map = value?.as_object()?.clone();
            *map.values_mut().next()? = json!(0.75);
            json!(map)
        }
        Shape::Either(shapes) => another(shapes.last()?, None)?,
        Shape::Table(_) | Shape::Tagged(_) => return None,
    })
}

/// Calls `look` with the path of every key that is no table, without indices, the
/// pointers to its places in the document, and its shape.
fn every_key(
    keys: &[Key],
    (path, pointers): (&str, &[String]),
    look: &mut impl FnMut(&str, &[String], &Shape),
) {
    for key in keys {
        let path = join(path, &key.name);
        let below = pointers.iter().map(|pointer| format!("{pointer}/{}", key.name));
        let below: Vec<String> = match key.repeats() {
            true => below.flat_map(|p| (0..STAGES).map(move |i| format!("{p}/{i}"))).collect(),
            false => below.collect(),
        };
        // Of a table of several kinds the one that it is without saying so.
        let usual = key.tagged().map(|tagged| {
            let usual =
                tagged.kinds.iter().find(|kind| Some(json!(kind.name)) == tagged.tag.default);
            usual.map_or(&[][..], |kind| &kind.keys)
        });
        match usual.or(key.table()) {
            Some(keys) => every_key(keys, (&path, &below), look),
            None => look(&path, &below, &key.shape),
        }
    }
}

#[test]
fn every_key_that_is_changed_is_refused_or_told_of() {
    let then = parse(EVERYTHING);
    let then = parse(&effective(&then));
    let document = serde_json::to_value(&then).unwrap();
    let mut keys = 0;
    every_key(keys_of_input(), ("", &[String::new()]), &mut |path, pointers, shape| {
        let mut refused = false;
        let mut noted = false;
        let mut tried = false;
        for pointer in pointers {
            let (table, name) = pointer.rsplit_once('/').unwrap();
            let mut changed = document.clone();
            let table =
                if table.is_empty() { Some(&mut changed) } else { changed.pointer_mut(table) };
            let Some(table) = table.and_then(Value::as_object_mut) else { continue };
            let Some(other) = another(shape, table.get(name)) else { continue };
            table.insert(name.into(), other);
            let Ok(now) = Config::deserialize(changed) else { continue };
            let text = effective(&now);
            let Ok(now) = parse_of_earlier_job(&text, Path::new("/in.toml")) else { continue };
            tried = true;
            match compare(&asked(&then), &asked(&now), &at(STAGES, 0)) {
                Err(error) => {
                    assert!(error.to_string().contains(name), "{path}: {error}");
                    assert!(error.to_string().starts_with("/in.toml:"), "{path}: {error}");
                    refused = true;
                }
                Ok(changes) => noted |= !changes.noted.is_empty(),
            }
        }
        // A choice of one, or a table that does not go with the others.
        if !tried {
            return;
        }
        keys += 1;
        let never =
            NEVER.contains(&path) || path.starts_with("checkpoint.") || path.starts_with("stop.");
        assert_eq!((refused, noted && never), (!never, never), "{path}");
    });
    assert!(keys > 70, "{keys} keys were changed");
}

#[test]
fn nothing_is_told_of_the_same_input() {
    let then = parse(EVERYTHING);
    let now = parse(&effective(&then));
    for stage in 1..=STAGES {
        assert_eq!(compare(&asked(&then), &asked(&now), &at(stage, 0)).unwrap().noted, []);
    }
    // What has no effect.
    for (old, new) in [
        ("[50, 50, 60]", "[70, 80, 60]"),
        ("{ Pt = 0.5, Fe = 0.5 }", "{ Fe = 0.5, Pt = 0.5 }"),
        ("[\"Pt\", ", "[\"Pt=Pt\", "),
        ("max_steps = 30", "max_steps = 30\nthermostat = \"bussi\""),
        ("duration_ps = 1", "duration_ps = 1.0001"),
    ] {
        assert!(EVERYTHING.contains(old));
        let now = EVERYTHING.replace(old, new);
        assert_eq!(told(EVERYTHING, &now, &at(STAGES, 0)).unwrap().noted, [], "{new}");
    }
}

/// Replaces the n-th of the texts `old`.
fn nth(n: usize, old: &str, new: &str) -> String {
    let (at, _) = EVERYTHING.match_indices(old).nth(n).unwrap();
    format!("{}{new}{}", &EVERYTHING[..at], &EVERYTHING[at + old.len()..])
}

#[test]
fn a_key_may_change_until_it_has_had_its_effect() {
    let gap = EVERYTHING.replace("gap_angstrom = 4", "gap_angstrom = 5");
    let heat = EVERYTHING.replace("end_temperature_k = 400", "end_temperature_k = 450");
    let length = EVERYTHING.replace("60]", "61]");
    for (now, standing, may) in [
        // The particles are put together when the third stage begins.
        (&gap, at(1, 0), true),
        (&gap, at(1, 9), true),
        (&gap, at(2, 0), true),
        (&gap, at(2, 1), false),
        (&length, at(2, 0), true),
        (&length, at(3, 0), false),
        (&heat, at(2, 0), true),
        (&heat, at(2, 1), false),
        (&heat, at(3, 0), false),
        // The last two stages last 500 steps each.
        (&nth(2, "duration_ps = 1", "duration_ps = 0.5"), at(3, 250), true),
        (&nth(2, "duration_ps = 1", "duration_ps = 0.5"), at(3, 251), false),
        (&nth(2, "duration_ps = 1", "duration_ps = 2"), at(3, 250), true),
        (&nth(2, "duration_ps = 1", "duration_ps = 0.5"), at(4, 0), false),
        // A ramp that is longer had other temperatures.
        (&nth(1, "duration_ps = 1", "duration_ps = 2"), at(2, 0), true),
        (&nth(1, "duration_ps = 1", "duration_ps = 2"), at(2, 1), false),
        (&nth(1, "duration_ps = 1", "duration_ps = 2"), at(3, 0), false),
        // One that others have followed.
        (&nth(0, "duration_ps = 1", "duration_ps = 2"), at(2, 0), true),
        (&nth(0, "duration_ps = 1", "duration_ps = 2"), at(2, 1), false),
        (&nth(0, "duration_ps = 1", "duration_ps = 2"), at(3, 0), false),
        // A minimisation under way.
        (&EVERYTHING.replace("= 30", "= 40"), at(0, 20), true),
        (&EVERYTHING.replace("= 30", "= 20"), at(0, 20), false),
        (
            &EVERYTHING.replace("= 30", "= 30\nforce_tolerance_ev_per_angstrom = 1e-5"),
            at(0, 20),
            true,
        ),
        (
            &EVERYTHING.replace("= 30", "= 30\nforce_tolerance_ev_per_angstrom = 1e-3"),
            at(0, 20),
            false,
        ),
        (&EVERYTHING.replace("kind = \"minimise\"", "kind = \"quench\""), at(0, 20), false),
    ] {
        let changes = told(EVERYTHING, now, &standing);
        assert_eq!(changes.is_ok(), may, "{standing:?}: {changes:?}\n{now}");
        assert!(changes.is_err() || changes.is_ok_and(|changes| !changes.noted.is_empty()));
    }
}

/// A trajectory has them or not, and a new one may.
#[test]
fn traces_may_be_added_and_left_out_in_a_new_folder() {
    let table = "[traces]\natoms = \"gap\"\nids = [1]\n";
    let without = EVERYTHING.replace(table, "");
    for (then, now) in [(EVERYTHING, &*without), (&without, EVERYTHING)] {
        let told_of = |new_trajectory| told(then, now, &Standing { new_trajectory, ..at(3, 5) });
        assert!(told_of(true).is_ok_and(|changes| !changes.noted.is_empty()));
        let error = told_of(false).unwrap_err().to_string();
        assert!(error.contains("go on in a new folder"), "{error}");
    }
}

#[test]
fn a_stage_that_has_just_ended_may_be_longer() {
    let longer = nth(2, "duration_ps = 1", "duration_ps = 2");
    let changes = told(EVERYTHING, &longer, &at(STAGES, 0)).unwrap();
    assert_eq!(changes.longer, Some(500));
    assert_eq!(changes.noted[0].to_string(), "stage[3].duration_ps: 1 -> 2");
    assert_eq!(told(EVERYTHING, EVERYTHING, &at(STAGES, 0)).unwrap().longer, None);
}

#[test]
fn a_minimisation_that_was_out_of_steps_may_be_longer() {
    let ended = |steps, converged, can_go_on| Standing {
        minimised: Some(Minimised { steps, can_go_on, converged }),
        ..at(1, 0)
    };
    let longer = EVERYTHING.replace("max_steps = 30", "max_steps = 60");
    assert_eq!(told(EVERYTHING, &longer, &ended(12, true, false)).unwrap().longer, None);
    assert_eq!(told(EVERYTHING, &longer, &ended(30, false, true)).unwrap().longer, Some(30));
    let shorter = EVERYTHING.replace("max_steps = 30", "max_steps = 20");
    let error = told(EVERYTHING, &shorter, &ended(30, false, true)).unwrap_err().to_string();
    assert!(error.contains("it has made 30 steps"), "{error}");
    // Of a program that brought them to rest.
    let error = told(EVERYTHING, &longer, &ended(30, false, false)).unwrap_err().to_string();
    assert!(error.contains("stage[0].max_steps 30, and the input says 60"), "{error}");
    assert!(error.contains("add a stage"), "{error}");
}

#[test]
fn a_refusal_names_what_was_written_and_says_once_what_to_do() {
    let then = EVERYTHING.replace("adatoms", "surface_energy_j_per_m2 = { 111 = 1 }\nadatoms");
    let mut now =
        parse(&EVERYTHING.replace("{ Pt = 0.5, Fe = 0.5 }\nadatoms", "{ Pt = 1 }\nadatoms"));
    let mut then = parse(&then);
    // What the potential gives follows from the composition; nobody wrote it.
    then.source = parse(EVERYTHING).source;
    now.particles[0].surface_energy_j_per_m2 = Some([("111".to_string(), 2.0)].into());
    let told = compare(&asked(&then), &asked(&now), &at(1, 5)).unwrap_err().to_string();
    assert!(told.contains("particle[0].composition"), "{told}");
    assert!(!told.contains("surface_energy"), "{told}");
    // Where nothing else is different, the defaults of the program are.
    now.particles[0].composition = then.particles[0].composition.clone();
    let told = compare(&asked(&then), &asked(&now), &at(1, 5)).unwrap_err().to_string();
    assert!(told.contains("particle[0].surface_energy_j_per_m2"), "{told}");

    let gap = EVERYTHING.replace("gap_angstrom = 4", "gap_angstrom = 5");
    let told = compare(&asked(&parse(EVERYTHING)), &asked(&parse(&gap)), &at(STAGES, 0));
    let told = told.unwrap_err().to_string();
    assert!(
        told.ends_with(
            "the particles stand together: go on from a checkpoint before that (--restart), with \
             the old value, or begin another run (--output)"
        ),
        "{told}"
    );
}

#[test]
fn another_system_is_refused_unless_it_may_change() {
    let seed = EVERYTHING.replace("[potential]", "seed = 2\n[potential]");
    let error = told(EVERYTHING, &seed, &at(1, 0)).unwrap_err();
    assert_eq!(error.exit_code(), 2);
    let text =
        "/in.toml:2:1: checkpoint-7.h5 (step 7) was written with seed 1, and the input says 2";
    assert!(error.to_string().starts_with(text), "{error}");
    let or = "may_change = [\"seed\"]`, --restart with --output";
    assert!(error.to_string().ends_with(or), "{error}");
    let may = "[checkpoint]\nmay_change = [\"seed\", \"potential\"]";
    let seed = seed.replace("[checkpoint]", may);
    assert_eq!(told(EVERYTHING, &seed, &at(1, 0)).unwrap().system, [Change::Seed]);
    let file = seed.replace("library = \"l\"", "library = \"other\"").replace("seed = 2", "");
    assert_eq!(told(EVERYTHING, &file, &at(1, 0)).unwrap().system, [Change::Potential]);
    let element = seed.replace("Fe=Fe2", "Ni");
    assert!(told(EVERYTHING, &element, &at(1, 0)).is_err(), "no other elements");
}

#[test]
fn a_structure_whose_checksum_is_not_known_is_not_compared() {
    let (then, now) = (parse(EVERYTHING), parse(&EVERYTHING.replace("s.data", "t.data")));
    let mut before = asked(&then);
    before.files.last_mut().unwrap().1 = None;
    assert_eq!(compare(&before, &asked(&now), &at(1, 0)).unwrap().noted, []);
    assert!(compare(&asked(&then), &asked(&now), &at(1, 0)).is_err());
}

#[test]
fn what_is_shown_of_a_table_says_whether_it_is_a_stage() {
    let hold = json!({"kind": "hold", "duration_ps": 2});
    assert_eq!(shown(Some(&hold)), "a stage \"hold\", 2 ps");
    for kind in ["lennard-jones", "lj-9-3"] {
        assert_eq!(shown(Some(&json!({ "kind": kind }))), format!("one of kind {kind:?}"));
    }
}

#[test]
fn pairs_of_a_term_are_the_same_in_any_order() {
    let with = |pairs: &str| {
        let term = "[[term]]\nkind = \"morse\"\nfile = \"m\"\nelements = [\"Pt\", \"Fe\"]\n";
        parse(&format!("{EVERYTHING}{term}pairs = {pairs}\n"))
    };
    let [one, same, other] = [
        r#"[["Pt", "Fe"], ["Fe", "Fe"]]"#,
        r#"[["Fe", "Fe"], ["Fe", "Pt"]]"#,
        r#"[["Pt", "Pt"], ["Fe", "Pt"]]"#,
    ]
    .map(with);
    assert!(compare(&asked(&one), &asked(&same), &at(0, 0)).is_ok());
    let refused = compare(&asked(&one), &asked(&other), &at(0, 0)).unwrap_err().to_string();
    assert!(refused.contains("term[0].pairs"), "{refused}");
}

#[test]
fn files_that_differ_are_told_by_the_first_line_that_does() {
    let config = parse(EVERYTHING);
    let asked = |text: &str| Asked {
        files: config
            .potential_files()
            .into_iter()
            .map(|(key, _)| {
                let text = Some(text.to_string());
                let sum = format!("{:012}", text.as_ref().map_or(0, String::len));
                (key, Some(File { name: "file".into(), sum, text }))
            })
            .collect(),
        config: &config,
    };
    let refused = compare(&asked("a = 1\nb = 2\n"), &asked("a = 1\nb = 3.5\n"), &at(0, 0));
    let refused = refused.unwrap_err().to_string();
    for told in ["line 2: `b = 2`", "line 2: `b = 3.5`"] {
        assert!(refused.contains(told), "{refused}");
    }
    let longer = compare(&asked("a = 1\n"), &asked("a = 1\nb = 2\n"), &at(0, 0));
    assert!(longer.unwrap_err().to_string().contains("no line 2"));
}

#[test]
fn a_pressure_is_the_same_however_its_axes_are_named() {
    let with = |pressure: &str| {
        let npt = "[[stage]]\nkind = \"hold\"\nensemble = \"npt\"\ntemperature_k = 300\nduration_ps = 1\n";
        let text = EVERYTHING.replace("boundary", "# boundary");
        parse(&format!("{text}{npt}pressure = {{ target_gpa = 1, {pressure} }}\n"))
    };
    let one = with(r#"axes = ["yx", "z"], interval_fs = 40"#);
    let same = with(r#"axes = ["z", "xy"], end_gpa = 1, interval_fs = 40.3"#);
    let changes = compare(&asked(&one), &asked(&same), &at(STAGES + 1, 0)).unwrap();
    assert_eq!(changes.noted, []);
    assert_eq!(one.stages[STAGES].pressure.as_ref().unwrap().groups(), [vec![0, 1], vec![2]]);
    let ramp = with(r#"axes = ["z", "xy"], end_gpa = 2"#);
    let refused = compare(&asked(&one), &asked(&ramp), &at(STAGES + 1, 0)).unwrap_err().to_string();
    assert!(
        refused.contains("stage[8].pressure.end_gpa") || refused.contains("pressure.end_gpa"),
        "{refused}"
    );
}
