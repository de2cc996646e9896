//! For tests: a test binary, whose `main` belongs to the test harness, as the init of a sandbox.

#![expect(
    unsafe_code,
    reason = "a constructor that runs before main is the only place before the harness"
)]

use std::ffi::{CStr, c_char, c_int};

/// Signature of the functions that the loader calls before `main`.
pub type Constructor = unsafe extern "C" fn(c_int, *const *const c_char, *const *const c_char);

/// Becomes an init if the first argument says so. Called by the loader with the program's
/// arguments, as the GNU C library does.
///
/// # Safety
/// `arguments` holds `count` pointers to C strings.
pub unsafe extern "C" fn become_init(
    count: c_int,
    arguments: *const *const c_char,
    _environment: *const *const c_char,
) {
    if count < 1 || arguments.is_null() {
        return;
    }
    // SAFETY: the caller's promise, and `count` is not 0.
    let first = unsafe { *arguments };
    if first.is_null() {
        return;
    }
    // SAFETY: the caller's promise.
    let name = unsafe { CStr::from_ptr(first) };
    crate::init::dispatch_init_named(name);
}

/// Puts the hook into the program. Once, in the root of a test binary.
#[macro_export]
macro_rules! install_test_hook {
    () => {
        #[used]
        #[expect(unsafe_code, reason = "the loader finds constructors by their section")]
        #[unsafe(link_section = ".init_array")]
        static SANDBOX_TEST_HOOK: $crate::Constructor = $crate::become_init;
    };
}
