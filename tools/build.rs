//! What cargo must know before it builds: where HDF5 lies at run time; and what the program is to
//! say of itself: its revision, and how it was compiled.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=tools/build.rs");
    let bundled = std::env::var_os("CARGO_FEATURE_BUNDLED").is_some();
    if bundled && let Some(other) = std::env::var_os("HDF5_DIR") {
        // Which would win, in silence (hdf5-metno-sys).
        println!(
            "cargo::error=the feature `bundled` builds an HDF5, and HDF5_DIR={} names another: \
             unset HDF5_DIR, or leave the feature out",
            other.display()
        );
    }
    println!("cargo::rerun-if-env-changed=HDF5_DIR");
    if !bundled {
        hdf5_at_run_time();
    }
    origin();
}

/// Any HDF5 will do, for one process or parallel: the first of the ranks holds a file. Outside
/// of the usual folders the loader must be told where the library lies.
fn hdf5_at_run_time() {
    if let Ok(include) = std::env::var("DEP_HDF5_INCLUDE") {
        for name in ["lib", "lib64"] {
            let folder = Path::new(&include).with_file_name(name);
            if folder.join("libhdf5.so").exists() {
                println!("cargo::rustc-link-arg=-Wl,-rpath,{}", folder.display());
            }
        }
    }
}

/// What the program says of itself in log and files: the git revision, "unknown" outside of a
/// repository, and how it was compiled.
fn origin() {
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    let compiler = told(Command::new(variable("RUSTC")).arg("--version"));
    let features = ["mpi", "bundled"].into_iter().filter(|feature| {
        std::env::var_os(format!("CARGO_FEATURE_{}", feature.to_uppercase())).is_some()
    });
    let features: Vec<&str> = features.collect();
    for (name, value) in [
        ("REVISION", revision().unwrap_or_else(|| "unknown".into())),
        ("COMPILER", compiler.unwrap_or_else(|| "unknown".into())),
        ("PROFILE", format!("{}, opt-level {}", variable("PROFILE"), variable("OPT_LEVEL"))),
        ("FEATURES", if features.is_empty() { "none".into() } else { features.join(", ") }),
        ("TARGET", variable("TARGET")),
    ] {
        println!("cargo::rustc-env=SINTER_{name}={value}");
    }
}

/// The revision of these sources, and whether they have been changed since. Asked for again where
/// the head moves (or the branch that it names) or a source changes, which compiles anew anyway.
fn revision() -> Option<String> {
    // A copy that lies in another repository has no revision of its own.
    git(&["ls-files", "--error-unmatch", "tools/build.rs"])?;
    let revision = git(&["rev-parse", "--short=12", "HEAD"])?;
    let branch = git(&["symbolic-ref", "--quiet", "HEAD"]);
    for file in ["HEAD", "logs/HEAD", "packed-refs"].into_iter().chain(branch.as_deref()) {
        if let Some(path) = git(&["rev-parse", "--git-path", file])
            && Path::new(&path).exists()
        {
            println!("cargo::rerun-if-changed={path}");
        }
    }
    let sources = ["src", "Cargo.toml", "Cargo.lock"];
    sources.iter().for_each(|source| println!("cargo::rerun-if-changed={source}"));
    let mut changed = vec!["status", "--porcelain", "--untracked-files=no", "--"];
    changed.extend(sources);
    match git(&changed)?.is_empty() {
        true => Some(revision),
        false => Some(revision + " with changes"),
    }
}

fn git(arguments: &[&str]) -> Option<String> {
    told(Command::new("git").args(arguments))
}

/// What a program prints, where it succeeds.
fn told(command: &mut Command) -> Option<String> {
    let output = command.output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_string())
}
