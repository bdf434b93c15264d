#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| toolgate::__fuzzing::jwt(input));
