//! The listener of every adapter's tests.

#![allow(unfulfilled_lint_expectations, reason = "tests/regressions.rs expects dead code here")]

pub(crate) use waldo_adapter_tests::Listener;
