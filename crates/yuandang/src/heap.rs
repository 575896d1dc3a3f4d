//! How a process asks for memory, where the C library is glibc. What the user set stays.

use std::{env, os::unix::process::CommandExt, process::Command};

/// The variable that glibc reads when a process begins.
pub(crate) const VARIABLE: &str = "GLIBC_TUNABLES";

/// For a process that ends with its run: in pages of 2 MiB, in one heap, and without giving back what it will soon want again. A
/// fifth of its time would go into first touches otherwise.
pub(crate) const OF_A_RUN: &str = "glibc.malloc.hugetlb=1:glibc.malloc.arena_max=1:glibc.malloc.mmap_threshold=33554432:\
                                   glibc.malloc.trim_threshold=4294967296";

/// For a node, which stays: in one heap, since of one for each thread none gives to another what it does not need, which is a
/// fifth of the memory of a large run; what is free at its end is given back.
const OF_A_NODE: &str = "glibc.malloc.arena_max=1:glibc.malloc.mmap_threshold=33554432:\
                         glibc.malloc.trim_threshold=268435456";

/// Begins this program anew, as the same process and with the same arguments, with memory [`OF_A_NODE`].
pub(crate) fn as_a_node() {
    if !cfg!(target_env = "gnu") || env::var_os(VARIABLE).is_some() {
        return;
    }
    let Ok(program) = env::current_exe() else { return };
    let mut arguments = env::args_os();
    let name = arguments.next().unwrap_or_else(|| program.clone().into());
    // It comes back only if that cannot be done, and then a node takes more memory.
    let _ = Command::new(program).arg0(name).args(arguments).env(VARIABLE, OF_A_NODE).exec();
}
