//! What a thread and the heap may ask of the kernel.

/// Lets other threads go first: compiling must not take the core of a worker.
///
/// Has no effect where priorities are not per thread.
pub(in crate::server) fn give_way() {
    // SAFETY: takes no pointers; a `who` of 0 is the calling thread on Linux.
    let result = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, 19) };
    debug_assert_eq!(result, 0, "lowering one's own priority needs no permission");
}

/// Returns freed memory to the system: a reload frees a whole world, most of it in pieces
/// that the allocator would keep.
pub(in crate::server) fn trim_heap() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: takes no pointers; glibc locks the heap itself.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Has large blocks mapped by themselves, so that freeing one returns it, and one heap for
/// all threads. By default glibc learns from the first world that is freed to keep such
/// blocks in a heap per thread, where each reload leaves other holes.
///
/// To be called before there is a second thread.
pub(in crate::server) fn settle_heap() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    for (parameter, value) in [(libc::M_MMAP_THRESHOLD, 128 * 1024), (libc::M_ARENA_MAX, 1)] {
        // SAFETY: takes no pointers; nobody else allocates while it is called.
        let accepted = unsafe { libc::mallopt(parameter, value) };
        debug_assert_eq!(accepted, 1, "both parameters are documented");
    }
}
