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
