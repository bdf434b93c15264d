//! The targets of `fuzz/` on stable: mutations of a small corpus, the same every time. Each target panics when what must
//! hold of any input does not. `TOOLGATE_FUZZ_INPUTS` says how many inputs each one gets.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::hint::black_box;

use toolgate::__fuzzing::TARGETS;
use toolgate_tests::Dice;

const INPUTS: usize = 10_000;
const LONGEST: usize = 20_000;

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
        "envelope" => &[
            br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":{"name":"b"},"_meta":{}}}"#,
            br#"{"method":"tools\/call","id":"x","params":{"na\u006de":"\u0061\ud83d\ude00"}}"#,
            br#"{"method":"tools/call","params":{"name":"public","name":"secret"}}"#,
            br#"{"id":-1.5e3,"method":"tools/list","params":null,"extra":[[[{}]]]}"#,
            br#"[{"method":"ping"}]"#,
            br#" {"id":{"a":1},"method":"ping","params":[1,true,"x"]}"#,
        ],
        "introspection" => &[
            br#"{"active":true,"scope":"a b  c","client_id":"c","sub":"u","exp":1800000000,"iat":1,"aud":"https://x/mcp","org_id":"o","org_role":"HR"}"#,
            br#"{"active":true,"scope":["a","b"],"aud":["x","y"],"exp":"1.8e9"}"#,
            br#"{"active":true,"exp":1700000000.5,"resource":"x"}"#,
            br#"{"active":false,"exp":{}}"#,
            br#"{"active":true,"active":false}"#,
            br#"{"active":true,"exp":null,"sub":null}"#,
        ],
        "webhook" => &[
            b"msg_1\nnow\ngood\n{\"event_type\":\"user.disabled\",\"user_id\":\"u\"}",
            b"msg_2\nnow\ngood\n{\"event_type\":\"user.removed_from_org\",\"removed_user_id\":\"u\",\"org_id\":\"o\"}",
            b"msg_3\nnow\ngood\n{\"event_type\":\"org.of_the_future\",\"org_id\":\"o\"}",
            b"msg_4\nnow\nv1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4= v1a,x\n{}",
            b"msg_5\n1700000000\ngood\n",
            b"msg_6\nnow\ngood\nnot json",
        ],
        _ => unreachable!("a target without a corpus"),
    }
}

const WORDS: [&[u8]; 16] = [
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

fn range(dice: &mut Dice, length: usize) -> std::ops::Range<usize> {
    let (a, b) = (dice.below(length + 1), dice.below(length + 1));
    a.min(b)..a.max(b)
}

fn mutate(dice: &mut Dice, input: &mut Vec<u8>, corpus: &[&[u8]]) {
    let at = dice.below(input.len() + 1);
    match dice.below(7) {
        0 if at < input.len() => input[at] ^= 1 << dice.below(8),
        1 => drop(input.drain(range(dice, input.len()))),
        2 => {
            let copy = input[range(dice, input.len())].to_vec();
            drop(input.splice(at..at, copy));
        }
        3 => {
            let other = corpus[dice.below(corpus.len())];
            drop(input.splice(at..at, other[range(dice, other.len())].iter().copied()));
        }
        4 => input.insert(at, u8::try_from(dice.below(256)).unwrap()),
        5 if dice.below(20) == 0 => {
            let word = WORDS[dice.below(WORDS.len())].repeat(dice.below(5_000));
            drop(input.splice(at..at, word));
        }
        _ => drop(input.splice(at..at, WORDS[dice.below(WORDS.len())].iter().copied())),
    }
    input.truncate(LONGEST);
}

/// Shows the input if the target fails.
struct Input<'a>(&'a str, &'a [u8]);

impl Drop for Input<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{} failed: b\"{}\"", self.0, self.1.escape_ascii());
        }
    }
}

fn run(target: &str, inputs: usize) {
    let (name, check) = TARGETS.into_iter().find(|(name, _)| *name == target).unwrap();
    let corpus = corpus(name);
    for input in corpus {
        let _input = Input(name, input);
        check(black_box(input));
    }
    let mut dice = Dice(7);
    for _ in 0..inputs {
        let mut input = corpus[dice.below(corpus.len())].to_vec();
        for _ in 0..=dice.below(4) {
            mutate(&mut dice, &mut input, corpus);
        }
        let _input = Input(name, &input);
        check(black_box(&input));
    }
}

fn inputs() -> usize {
    std::env::var("TOOLGATE_FUZZ_INPUTS").map_or(INPUTS, |inputs| inputs.parse().expect("a number"))
}

#[test]
fn no_header_is_taken_for_a_token_that_it_does_not_hold() {
    run("bearer", inputs());
}

#[test]
fn every_challenge_is_read_as_it_was_written() {
    run("challenge", inputs());
}

#[test]
fn no_body_is_read_as_another_call_by_another_parser() {
    run("envelope", inputs());
}

#[test]
fn no_answer_makes_a_token_active_that_is_not() {
    run("introspection", inputs());
}

#[test]
fn no_delivery_is_believed_that_nobody_signed() {
    run("webhook", inputs());
}
