#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| toolgate::__fuzzing::resource_uri(input));
