//! The targets of `fuzz/` on stable Rust, with the same mutations of a small corpus on every run. A target panics if its
//! invariant does not hold for an input. `FUZZ_INPUTS` sets the number of inputs for each target.

use std::hint::black_box;

use rand::{RngExt, SeedableRng, seq::IndexedRandom};
use rand_pcg::Pcg64Mcg;
use toolgate::__fuzzing::TARGETS;

const DEFAULT_INPUTS: usize = 10_000;
const MAX_INPUT_BYTES: usize = 20_000;

const LOG_TEXT: &[&[u8]] = &[
    b"x\n2026-11-26T00:00:00Z  INFO toolgate::audit: decision outcome=\"forged\"\x1b[2J",
    "größe 価格 \u{202e}\u{200b}\u{2028}\u{feff} \\ \"quoted\"".as_bytes(),
    &[b'y'; 300],
];

fn corpus(target: &str) -> &'static [&'static [u8]] {
    match target {
        "bearer" => &[
            b"Bearer azAZ09-._~+/==",
            b"bearer abc\nBearer abc",
            b"Basic YTpi",
            b"BEARER   spaced  ",
            b"Bearer",
            b"Bearer =\xff",
        ],
        "challenge" => &[
            b"https://mcp.example.com/.well-known/oauth-protected-resource/mcp\nmore scopes are needed\na:read\nb:read",
            b"http://x/\"y\\z\nquotes \" and \\ and \r and \x00\nscope",
            b"Bearer realm=\"a\\\"b\", error=\"c\"",
            b"\n\n",
        ],
        "json_bounds" => &[
            br#"{"a":[{"":0},{"b\\":["x",{}]},[[[]]],-1.5e3,null,true],"c,{[:\"":"\u00e9]}"}"#,
            br#"{"a":1,"b":2,"c":3,"d":4,"e":5,"f":6,"g":7,"h":8,"i":9,"j":0,"k":1,"l":2,"m":3}"#,
            b"[[],[0],[0,0,0,0,0],\"\"]",
        ],
        "jsonrpc" => &[
            br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":{"name":"b"},"_meta":{}}}"#,
            br#"{"method":"tools\/call","id":"x","params":{"na\u006de":"\u0061\ud83d\ude00"}}"#,
            br#"{"method":"tools/call","params":{"name":"public","name":"secret"}}"#,
            br#"{"id":-1.5e3,"method":"tools/list","params":null,"extra":[[[{}]]]}"#,
            br#"[{"method":"ping"}]"#,
            br#" {"id":{"a":1},"method":"ping","params":[1,true,"x"]}"#,
        ],
        "log_text" => LOG_TEXT,
        "introspection" => &[
            br#"{"active":true,"scope":"a b  c","client_id":"c","sub":"u","exp":1800000000,"iat":1,"aud":"https://x/mcp","org_id":"o","org_role":"HR"}"#,
            br#"{"active":true,"scope":["a","b"],"aud":["x","y"],"exp":"1.8e9"}"#,
            br#"{"active":true,"exp":1700000000.5,"resource":"x"}"#,
            br#"{"active":false,"exp":{}}"#,
            br#"{"active":true,"active":false}"#,
            br#"{"active":true,"exp":null,"sub":null}"#,
        ],
        "jwt" => &[
            b"{\"typ\":\"at+jwt\",\"alg\":\"ES256\",\"kid\":\"1\"}\n{\"iss\":\"http://127.0.0.1:1/issuer\",\"aud\":\"https://mcp.example.com/mcp\",\"exp\":1800000000,\"iat\":1,\"sub\":\"u\",\"scope\":\"a b\"}",
            b"{\"alg\":\"RS256\",\"typ\":\"application/at+jwt\"}\n{\"iss\":\"http://127.0.0.1:1/issuer\",\"aud\":[\"account\",\"https://mcp.example.com/mcp\"],\"exp\":1700000000.5,\"nbf\":1,\"azp\":\"c\",\"cnf\":null}",
            b"{\"alg\":\"none\",\"crit\":[\"b64\"]}\n{\"cnf\":{\"jkt\":\"x\"},\"token_type\":\"DPoP\"}",
            b"{\"keys\":[{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"},{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"AA\",\"use\":\"sig\"},{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AA\"}]}",
            b"eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJodHRwOi8vMTI3LjAuMC4xOjEvaXNzdWVyIn0.c2ln",
        ],
        "resource_uri" => &[
            b"company://employees/{employee_id}\ncompany://employees/{+rest}\ncompany://employees/emp_0042",
            b"docs://{+path}.md{?v,lang}\ndocs://{a}-{b}.md\ndocs://a%2Db-c%20d.md?lang=en&v=%31",
            b"docs:///{dir}/{+path}/{file}\ndocs:///x/..\ndocs:///a/b/%2e%2e/%252f/c@d:e",
            b"https://intranet.example:8443/search?q={q}\nhttps://{host}/{+p}\nhttps://intranet.example:8443/search?q=a%26b",
        ],
        "webhook" => &[
            b"msg_1\nnow\ngood\n{\"event_type\":\"user.disabled\",\"user_id\":\"u\"}",
            b"msg_2\nnow\ngood\n{\"event_type\":\"user.removed_from_org\",\"removed_user_id\":\"u\",\"org_id\":\"o\"}",
            b"msg_3\nnow\ngood\n{\"event_type\":\"org.of_the_future\",\"org_id\":\"o\"}",
            b"msg_4\nnow\nv1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4= v1a,x\n{}",
            b"msg_5\n1700000000\ngood\n",
            b"msg_6\nnow\ngood\nnot json",
        ],
        _ => unreachable!("no corpus for the target {target}"),
    }
}

/// Byte strings that are special to one of the parsers.
const TOKENS: [&[u8]; 16] = [
    b"\"",
    b"\\",
    b"\\u0000",
    b"\\ud800",
    b"\n",
    b"\x00",
    b"\xff",
    b"null",
    b"true",
    b"1e999",
    b"-0",
    b"{\"a\":",
    b"[[[[[[[[",
    b"\"name\":",
    b"tools/call",
    b"9223372036854775808",
];

fn random_range(random: &mut Pcg64Mcg, length: usize) -> std::ops::Range<usize> {
    let (a, b) = (random.random_range(0..=length), random.random_range(0..=length));
    a.min(b)..a.max(b)
}

fn mutate(random: &mut Pcg64Mcg, input: &mut Vec<u8>, corpus: &[&[u8]]) {
    let at = random.random_range(0..=input.len());
    let inserted = match random.random_range(0..7) {
        0 if at < input.len() => {
            input[at] ^= 1 << random.random_range(0..8);
            return;
        }
        1 => {
            input.drain(random_range(random, input.len()));
            return;
        }
        2 => input[random_range(random, input.len())].to_vec(),
        3 => {
            let other = corpus.choose(random).unwrap();
            other[random_range(random, other.len())].to_vec()
        }
        4 => vec![random.random()],
        5 if random.random_ratio(1, 20) => TOKENS.choose(random).unwrap().repeat(random.random_range(0..5_000)),
        _ => TOKENS.choose(random).unwrap().to_vec(),
    };
    input.splice(at..at, inserted);
    input.truncate(MAX_INPUT_BYTES);
}

/// Prints the input if the target panics.
struct PrintOnPanic<'a>(&'a str, &'a [u8]);

impl Drop for PrintOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{} failed: b\"{}\"", self.0, self.1.escape_ascii());
        }
    }
}

fn run(target: &str) {
    let inputs = std::env::var("FUZZ_INPUTS");
    let inputs = inputs.map_or(DEFAULT_INPUTS, |inputs| inputs.parse().expect("FUZZ_INPUTS is a number"));
    let (name, check) = TARGETS.iter().copied().find(|(name, _)| *name == target).unwrap();
    let corpus = corpus(name);
    for input in corpus {
        let _print = PrintOnPanic(name, input);
        check(black_box(input));
    }
    let mut random = Pcg64Mcg::seed_from_u64(7);
    for _ in 0..inputs {
        let mut input = corpus.choose(&mut random).unwrap().to_vec();
        for _ in 0..random.random_range(1..=5) {
            mutate(&mut random, &mut input, corpus);
        }
        let _print = PrintOnPanic(name, &input);
        check(black_box(&input));
    }
}

#[test]
fn a_parsed_token_is_the_one_in_the_header() {
    run("bearer");
}

#[test]
fn every_challenge_parses_to_its_parameters() {
    run("challenge");
}

#[test]
fn no_value_takes_more_than_its_bound() {
    run("json_bounds");
}

#[test]
fn text_of_a_caller_is_short_and_plain_in_the_log() {
    run("log_text");
}

#[test]
fn every_parser_reads_the_same_call() {
    run("jsonrpc");
}

#[test]
fn an_accepted_introspection_response_is_active_and_unexpired() {
    run("introspection");
}

#[test]
fn an_accepted_jwt_is_an_access_token_of_the_issuer_for_the_server() {
    run("jwt");
}

#[test]
fn a_matching_uri_is_valid_and_its_values_cannot_leave_the_template() {
    run("resource_uri");
}

#[test]
fn an_accepted_webhook_is_signed() {
    run("webhook");
}
