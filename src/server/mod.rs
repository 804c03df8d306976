//! Sockets.
#[expect(unsafe_code, reason = "batched socket calls")]
mod sys;
