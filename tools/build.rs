//! What cargo must know before it builds: whether MPI and HDF5 fit together,
//! where HDF5 lies at run time, and which revision this is.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=tools/build.rs");
    if std::env::var_os("CARGO_FEATURE_MPI").is_some() {
        parallel_hdf5();
    }
    revision();
}

/// With MPI all ranks write one file, which takes an HDF5 that was built for it.
fn parallel_hdf5() {
    if std::env::var_os("DEP_HDF5_HAVE_PARALLEL").is_none() {
        println!(
            "cargo::error=the HDF5 library found is not a parallel one. Either let \
             tools/quickstart find or install one, or set HDF5_DIR to the folder of a parallel \
             HDF5 (Debian, Ubuntu: apt-get install libhdf5-openmpi-dev libopenmpi-dev, then \
             HDF5_DIR=/usr/lib/$(uname -m)-linux-gnu/hdf5/openmpi), or build for one process \
             without MPI: --no-default-features"
        );
    }
    // Outside of the usual folders the loader must be told where the library lies.
    if let Ok(include) = std::env::var("DEP_HDF5_INCLUDE") {
        let library = Path::new(&include).with_file_name("lib");
        if library.is_dir() {
            println!("cargo::rustc-link-arg=-Wl,-rpath,{}", library.display());
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
