//! When a connection can be closed, and its time limits.

use super::*;

#[test]
fn a_connection_can_be_closed_unless_a_request_is_in_flight_or_a_response_is_being_read() {
    let connection = Arc::new(Connection::new(([127, 0, 0, 1], 1).into(), false));
    let later = Arc::new(Connection::new(([127, 0, 0, 1], 2).into(), false));
    let reason = |now| connection.closable(now).map(|(reason, _)| reason);
    assert_eq!(reason(1), Some(CloseReason::Idle));
    assert!(connection.closable(1) < later.closable(1), "the one that has been idle for the longest time first");
    connection.scanner().scan(&mut b"GET".to_vec());
    assert_eq!(reason(1), Some(CloseReason::IncompleteHead));
    let request = InFlight::new(&connection);
    assert_eq!(reason(1), None);
    // The client does not read the response, of which bytes are left when the request has ended.
    connection.unread_since.store(1000, Ordering::Relaxed);
    for (now, expected) in [(1000, None), (5999, None), (6000, Some(CloseReason::UnreadResponse))] {
        assert_eq!(reason(now), expected, "{now}");
    }
    drop(request);
    assert_eq!(reason(5999), None, "the rest of the response is being sent");
    connection.unread_since.store(0, Ordering::Relaxed);
    assert!(connection.closable(1) > later.closable(1), "it has been idle for a shorter time");
}

fn shared(header: u64, keep_alive: u64) -> Shared {
    Shared {
        is_stopping: Arc::default(),
        builder: http1::Builder::new(),
        endpoint: None,
        router: Router::new(),
        limited_router: Router::new(),
        allowed: None,
        #[cfg(feature = "tls")]
        tls: None,
        header_timeout: Duration::from_millis(header),
        keep_alive_timeout: Duration::from_millis(keep_alive),
        write_timeout: Duration::from_secs(1),
    }
}

#[test]
fn a_head_has_its_time_limit_from_its_first_byte_and_an_idle_connection_another() {
    let (header, keep_alive) = (30_000, 75_000);
    let shared = shared(header, keep_alive);
    let connection = Arc::new(Connection::new(([127, 0, 0, 1], 1).into(), false));
    let started = connection.head_since.load(Ordering::Relaxed);
    assert_eq!(connection.deadline(&shared), Some(started + header), "the first head is late from the start");
    connection.received(&mut b"GET /".to_vec());
    assert_eq!(connection.deadline(&shared), Some(started + header), "a byte does not extend the time");
    drop(InFlight::new(&connection));
    let idle = connection.idle_from.load(Ordering::Relaxed);
    assert_eq!(connection.deadline(&shared), Some(idle + keep_alive));
    // hyper has parsed the head before a request is in flight.
    *connection.scanner() = HeadScanner::default();
    connection.received(&mut b"G".to_vec());
    let head = connection.head_since.load(Ordering::Relaxed);
    assert!(head >= idle);
    assert_eq!(connection.deadline(&shared), Some(head + header));
    let request = InFlight::new(&connection);
    assert_eq!(connection.deadline(&shared), None);
    connection.unread_since.store(1, Ordering::Relaxed);
    drop(request);
    assert_eq!(connection.deadline(&shared), None, "the response is being sent");
}

#[tokio::test]
async fn a_deadline_that_moves_is_kept() {
    let connection = Arc::new(Connection::new(([127, 0, 0, 1], 1).into(), false));
    drop(InFlight::new(&connection));
    *connection.scanner() = HeadScanner::default();
    let shared = shared(1, 3_600_000);
    let mut waiting = pin!(expired(&connection, &shared));
    assert!(waiting.as_mut().now_or_never().is_none(), "it may be idle for an hour");
    connection.received(&mut b"G".to_vec());
    tokio::time::timeout(Duration::from_mins(1), waiting).await.expect("the head is late after a millisecond");
}
