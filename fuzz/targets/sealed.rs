#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| waldo_fuzz_checks::sealed(bytes));
