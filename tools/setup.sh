# Sourced by quickstart and test. Finds what the build with MPI needs, installs
# what is missing where the system has apt-get, and else prints the exact lines.
#
# Afterwards the working directory is the repository, and these are exported:
#   MPICC, MPIRUN   compiler and launcher of the MPI library; that of HDF5, if it was built with one
#   HDF5_DIR        an HDF5, for one process or parallel: include/ and lib/ lie below it
# Whoever sets them before has the choice. Cargo wants no more than these.
#
# A script that wants one family of MPI, whichever else there is, sets `family` to
# openmpi or mpich before; that build lies in a folder of its own, `$target`.

set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

family=${family:-}
target=$PWD/target${family:+/$family}
if [ -n "$family" ]; then
    unset HDF5_DIR MPICC MPIRUN
    export CARGO_TARGET_DIR=$target
fi

say() { printf '==> %s\n' "$*"; }

give_up() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        give_up "this needs root and there is no sudo: $*"
    fi
}

# Exact lines for a system whose packages this script does not install.
print_recipes() {
    cat >&2 <<'RECIPES'
Missing: a C compiler, libclang, MPI or HDF5 (one for one process will do, or one built for that MPI).

Fedora, Rocky, Alma (the last two with EPEL and CRB enabled):
    sudo dnf install gcc git clang-devel openmpi-devel hdf5-devel python3
    source /etc/profile.d/modules.sh
    module load mpi/openmpi-x86_64
    tools/quickstart

A cluster with modules (names differ: see `module avail`):
    module load gcc llvm openmpi hdf5
    export HDF5_DIR=<folder above include/hdf5.h>   # often set by the module
    export MPICC=mpicc MPIRUN=mpirun                # Cray: MPICC=cc MPIRUN=srun
    tools/quickstart

Spack:
    spack install hdf5+hl openmpi llvm
    spack load hdf5 openmpi llvm
    export HDF5_DIR=$(spack location -i hdf5) LIBCLANG_PATH=$(spack location -i llvm)/lib
    tools/quickstart

Without MPI, for one process, nothing of this is needed but a C compiler and cmake 3.26:
    cargo run --release --no-default-features --features bundled -- inputs/quickstart.toml
RECIPES
}

apt_install() {
    say "installing $*"
    as_root apt-get -qq update &&
        as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "$@" \
            >/dev/null || give_up "apt-get cannot install: $*"
}

# A Python of our own in a folder, without what the system's has installed.
make_python() {
    say "making a Python in ${1#"$PWD/"}"
    rm -rf "$1"
    python3 -m venv "$1" >/dev/null 2>&1 && return
    # Debian leaves out of Python what makes such environments.
    command -v apt-get >/dev/null && apt_install python3 python3-venv && python3 -m venv "$1"
}

has_libclang() {
    compgen -G "${LIBCLANG_PATH:-/nonexistent}/libclang*.so*" >/dev/null ||
        compgen -G '/usr/lib/llvm-*/lib/libclang*.so*' >/dev/null ||
        ldconfig -p 2>/dev/null | grep -q 'libclang[-.]'
}

# A folder of links where include and lib of a system's HDF5 lie apart.
linked_hdf5() {
    local folder=$PWD/target/hdf5
    mkdir -p "$folder" && ln -sfn "$1" "$folder/include" && ln -sfn "$2" "$folder/lib"
    echo "$folder"
}

is_hdf5() {
    [ -e "$1/include/hdf5.h" ] && compgen -G "$1/lib/libhdf5.so*" >/dev/null
}

is_parallel_hdf5() {
    grep -qsE '^#define H5_HAVE_PARALLEL' "$1"/include/H5pubconf*.h
}

# Prints the folder of an HDF5. One that was built for MPI tells which of several libraries of
# MPI is the system's own; but any will do.
find_hdf5() {
    find_parallel_hdf5 || find_serial_hdf5
}

# Of a parallel one: Debian's, then Fedora's, then that of h5pcc.
find_parallel_hdf5() {
    local name folder include lib
    for name in ${family:-openmpi mpich}; do
        for folder in /usr/lib/"$(uname -m)"-linux-gnu*/hdf5/"$name"; do
            is_parallel_hdf5 "$folder" && echo "$folder" && return
        done
    done
    # Nothing tells the family of the others.
    [ -n "$family" ] && return 1
    include=/usr/include/openmpi-$(uname -m) lib=/usr/lib64/openmpi/lib
    if [ -e "$include/hdf5.h" ] && [ -e "$lib/libhdf5.so" ]; then
        linked_hdf5 "$include" "$lib" && return
    fi
    if command -v h5pcc >/dev/null; then
        folder=$(h5pcc -showconfig | sed -n 's/^ *Installation point: *//p')
        is_parallel_hdf5 "$folder" && echo "$folder" && return
        include=$(h5pcc -show | grep -oE -- '-I[^ ]*' | head -1)
        lib=$(h5pcc -show | grep -oE -- '-L[^ ]*' | head -1)
        folder=$(linked_hdf5 "${include#-I}" "${lib#-L}")
        is_parallel_hdf5 "$folder" && echo "$folder" && return
    fi
    return 1
}

# Of one for one process: Debian's, then Fedora's, then that of h5cc.
find_serial_hdf5() {
    local folder include lib
    for folder in /usr/lib/"$(uname -m)"-linux-gnu*/hdf5/serial; do
        is_hdf5 "$folder" && echo "$folder" && return
    done
    include=/usr/include lib=/usr/lib64
    if [ -e "$include/hdf5.h" ] && [ -e "$lib/libhdf5.so" ]; then
        linked_hdf5 "$include" "$lib" && return
    fi
    if command -v h5cc >/dev/null; then
        folder=$(h5cc -showconfig | sed -n 's/^ *Installation point: *//p')
        is_hdf5 "$folder" && echo "$folder" && return
    fi
    return 1
}

# The file of the MPI library that the HDF5 in a folder uses, if it uses one.
mpi_of_hdf5() {
    ldd "$1"/lib/libhdf5.so 2>/dev/null | sed -nE 's/.*libmpi(ch)?\.so[^ ]* => ([^ ]+).*/\2/p' | head -1
}

# Whether a compiler wrapper links that file.
links_library() {
    local wanted folder folders file
    wanted=$(readlink -f "$2")
    folders=$("$1" -show 2>/dev/null | grep -oE -- '-L[^ ]*' | sed 's/^-L//')
    for folder in $folders; do
        for file in "$folder"/libmpi.so "$folder"/libmpich.so; do
            [ "$(readlink -f "$file")" = "$wanted" ] && return
        done
    done
    # Without -L it links from the loader's own folders.
    [ -z "$folders" ] && "$1" -show 2>/dev/null | grep -qE -- '-lmpi' && [[ $wanted == /usr/lib* ]]
}

# Sets MPICC and MPIRUN to the library of HDF5, if it has one. Several in one PATH are common:
# conda and pip bring their own, and two in one program cannot work.
find_mpi() {
    local library candidate
    library=$(mpi_of_hdf5 "$HDF5_DIR")
    if [ -z "${MPICC:-}" ]; then
        for candidate in mpicc mpicc.openmpi mpicc.mpich /usr/bin/mpicc /usr/lib64/openmpi/bin/mpicc; do
            command -v "$candidate" >/dev/null || continue
            if [ -z "$library" ] || links_library "$candidate" "$library"; then
                MPICC=$(command -v "$candidate")
                break
            fi
        done
    fi
    [ -n "${MPICC:-}" ] || return 1
    if [ -z "${MPIRUN:-}" ]; then
        # Beside its compiler, with the same ending.
        MPIRUN=$(dirname "$MPICC")/mpirun${MPICC##*/mpicc}
        [ -x "$MPIRUN" ] || MPIRUN=mpirun
    fi
    command -v "$MPIRUN" >/dev/null && export MPICC MPIRUN
}

found_all() {
    command -v cc >/dev/null && has_libclang || return 1
    if [ -z "${HDF5_DIR:-}" ]; then
        HDF5_DIR=$(find_hdf5) || return 1
    fi
    is_hdf5 "$HDF5_DIR" || give_up "HDF5_DIR=$HDF5_DIR: there are no include/hdf5.h and lib/libhdf5.so"
    export HDF5_DIR
    find_mpi
}

setup_libraries() {
    found_all && return
    if command -v apt-get >/dev/null; then
        case $family in
            mpich) apt_install build-essential libclang-dev libmpich-dev mpich libhdf5-mpich-dev ;;
            *) apt_install build-essential libclang-dev libopenmpi-dev openmpi-bin libhdf5-openmpi-dev ;;
        esac
        found_all && return
    fi
    print_recipes
    give_up "set up one of these ways, then start again"
}

setup_rust() {
    local wanted have
    [ -e "$HOME/.cargo/env" ] && . "$HOME/.cargo/env"
    wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
    have=$(rustc --version 2>/dev/null | cut -d' ' -f2)
    if [ "$(printf '%s\n' "$wanted" "${have:-0}" | sort -V | head -1)" = "$wanted" ]; then
        return
    fi
    say "installing Rust $wanted or newer with rustup (found: ${have:-none})"
    if ! command -v rustup >/dev/null; then
        command -v curl >/dev/null || apt_install curl ca-certificates
        curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs |
            sh -s -- -y --profile minimal --component rustfmt,clippy ||
            give_up "rustup failed: install Rust $wanted from https://rustup.rs"
        . "$HOME/.cargo/env"
    else
        rustup toolchain install stable --profile minimal --component rustfmt,clippy &&
            rustup default stable || give_up "rustup failed"
    fi
}

# Cargo does not see that MPICC names another library than at the last build.
setup_cargo() {
    mkdir -p "$target"
    local used="$MPICC: $("$MPICC" -show 2>/dev/null)"
    if [ "$used" != "$(cat "$target/mpi-library" 2>/dev/null)" ]; then
        [ -d "$target/release" ] && cargo clean --quiet --release -p mpi-sys
        echo "$used" >"$target/mpi-library"
    fi
}

setup_mpi_environment() {
    # Open MPI refuses root, and more ranks than cores, unless told otherwise;
    # in containers it may not copy from process to process in one go.
    export OMPI_MCA_rmaps_base_oversubscribe=1 PRTE_MCA_rmaps_default_mapping_policy=:oversubscribe
    export OMPI_MCA_btl_vader_single_copy_mechanism=none
    if [ "$(id -u)" = 0 ]; then
        export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
    fi
}

setup_libraries
setup_rust
setup_cargo
setup_mpi_environment
say "MPI $MPIRUN, HDF5 $HDF5_DIR, $(rustc --version)"
