//! What cargo must know before it builds: where HDF5 lies at run time, and which revision
//! this is.

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
    revision();
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

/// The git revision for log and files, "unknown" outside a repository. Asked for
/// again only when the head moves.
fn revision() {
    let known = git(&["rev-parse", "--short=12", "HEAD"]);
    let revision = known.as_deref().unwrap_or("unknown");
    println!("cargo::rustc-env=SINTER_GIT_REVISION={revision}");
    for file in ["HEAD", "logs/HEAD"] {
        if let Some(path) = git(&["rev-parse", "--git-path", file])
            && Path::new(&path).exists()
        {
            println!("cargo::rerun-if-changed={path}");
        }
    }
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_string())
}
