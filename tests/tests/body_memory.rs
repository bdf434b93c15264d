//! The memory that a request body takes, for JSON of every shape and in every part of a message.
//!
//! In a process of its own: the allocator counts the bytes of the whole process. The tests run one after the other in one
//! function, because each measures the peak of the process.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use peak_alloc::PeakAlloc;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use toolgate_tests::{Revision, TestServer, tokens, within_deadline};

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

const MIB: usize = 1 << 20;
/// Elements that take much more memory than text when they are parsed, and some that do not.
const ELEMENTS: [&str; 9] = [
    r#"{"":0}"#,
    r#"{"a":1,"b":2,"c":3,"d":4,"e":5,"f":6,"g":7,"h":8,"i":9,"j":0,"k":1,"l":2}"#,
    "[]",
    "[0]",
    "[[[[]]]]",
    "0",
    r#""""#,
    r#""\u00e9\n\"""#,
    r#""a long text without escapes, which takes about as much memory as it has bytes""#,
];

/// Part of a message that holds the JSON of a client's choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Arguments,
    ArgumentsWithContext,
    MirroredArguments,
    InputResponses,
    CallMeta,
    Capabilities,
    ListParams,
    UnknownMethod,
    Notification,
    Result,
    OtherMember,
}

const PARTS: [Part; 11] = [
    Part::Arguments,
    Part::ArgumentsWithContext,
    Part::MirroredArguments,
    Part::InputResponses,
    Part::CallMeta,
    Part::Capabilities,
    Part::ListParams,
    Part::UnknownMethod,
    Part::Notification,
    Part::Result,
    Part::OtherMember,
];

impl Part {
    fn message(self, value: &str) -> String {
        let call = |tool: &str, arguments: &str, other: &str| {
            format!(
                r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{tool}","arguments":{arguments}{other}}}}}"#
            )
        };
        let object = format!(r#"{{"x":{value}}}"#);
        match self {
            Self::Arguments => call("long_text", &object, ""),
            Self::ArgumentsWithContext => call("request_info", &object, ""),
            Self::MirroredArguments => call("regional", &object, ""),
            Self::InputResponses => call("request_info", "{}", &format!(r#","inputResponses":{object}"#)),
            Self::CallMeta => call("request_info", "{}", &format!(r#","_meta":{object}"#)),
            Self::Capabilities => format!(
                r#"{{"jsonrpc":"2.0","id":1,"method":"initialize","params":{{"protocolVersion":"2025-11-25","clientInfo":{{"name":"a","version":"1"}},"capabilities":{{"experimental":{{"x":{object}}}}}}}}}"#
            ),
            Self::ListParams => {
                format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{{"x":{value}}}}}"#)
            }
            Self::UnknownMethod => format!(r#"{{"jsonrpc":"2.0","id":1,"method":"x/y","params":{object}}}"#),
            Self::Notification => format!(r#"{{"jsonrpc":"2.0","method":"notifications/x","params":{object}}}"#),
            Self::Result => format!(r#"{{"jsonrpc":"2.0","id":1,"result":{object}}}"#),
            Self::OtherMember => format!(r#"{{"jsonrpc":"2.0","id":1,"method":"ping","x":{value}}}"#),
        }
    }

    /// Memory that is allowed for this part if 16 times its size is less.
    fn minimum(self) -> usize {
        match self {
            Self::Arguments | Self::ArgumentsWithContext | Self::MirroredArguments => 4 * MIB,
            _ => MIB,
        }
    }
}

/// Sends a body as the token without scopes and returns the status and the growth of memory at its peak, in bytes.
async fn measure(server: &TestServer, content_type: &str, body: &str) -> (u16, usize) {
    let head = format!(
        "POST /mcp HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer everything\r\nContent-Type: {content_type}\r\n\
         Accept: application/json, text/event-stream\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        server.address,
        body.len()
    );
    let mut response = Vec::with_capacity(64 * 1024);
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    // A server that rejects the head may close the connection before it has read the body.
    let _ = stream.write_all(head.as_bytes()).await;
    let _ = stream.write_all(body.as_bytes()).await;
    let _ = within_deadline("the server responds", stream.read_to_end(&mut response)).await;
    let peak = ALLOCATOR.peak_usage();
    let text = String::from_utf8_lossy(&response);
    let status = text.split(' ').nth(1).unwrap_or_else(|| panic!("no response: {text}")).parse().unwrap();
    (status, peak.saturating_sub(before))
}

fn array(element: &str, bytes: usize) -> String {
    let mut array = String::with_capacity(bytes + element.len());
    array.push('[');
    while array.len() + element.len() + 2 < bytes {
        array.push_str(element);
        array.push(',');
    }
    array.push_str("0]");
    array
}

#[tokio::test]
async fn every_body_takes_at_most_16_times_its_size_when_it_is_parsed() {
    let server = TestServer::with(|server| server.auth(tokens())).await;
    let mut worst = 0;
    for part in PARTS {
        for element in ELEMENTS {
            let largest = if part.minimum() == MIB { MIB } else { 4 * MIB - 400 };
            for bytes in [2_000, 60_000, largest] {
                let body = part.message(&array(element, bytes));
                // rmcp accepts every content type that begins with that of JSON.
                let content_type = if bytes == 60_000 { "application/jsonx" } else { "application/json" };
                let (status, peak) = measure(&server, content_type, &body).await;
                // What a connection and a small request take in any case.
                let allowed = (16 * body.len()).max(part.minimum()) + 256 * 1024;
                assert!(peak <= allowed, "{part:?} {element}: {} bytes take {peak}, status {status}", body.len());
                assert!(status < 500, "{part:?} {element}: {status}");
                worst = worst.max(peak);
            }
        }
    }
    println!("the largest peak is {} KiB", worst >> 10);

    // What callers legitimately send is accepted.
    for (element, bytes, status) in [
        (ELEMENTS[8], 4 * MIB - 400, 200),
        (r#"{"employee_id":"emp_4711","hours":7.5,"project":"website","comment":"on site"}"#, 2 * MIB, 200),
        (ELEMENTS[0], 20_000, 200),
        (ELEMENTS[0], 200_000, 400),
    ] {
        let body = Part::Arguments.message(&array(element, bytes));
        assert_eq!(measure(&server, "application/json", &body).await.0, status, "{bytes} bytes of {element}");
    }
    assert_responds(&server).await;
}

async fn assert_responds(server: &TestServer) {
    let response = server.client_with("everything", Revision::Legacy).call("request_info", json!({})).await;
    assert!(response.is_success(), "{response:?}");
}
