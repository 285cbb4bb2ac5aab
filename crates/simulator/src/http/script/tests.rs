//! Unit tests of the script.

use std::time::Duration;

use super::*;

const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n";
const BODY: &[u8] = b"0123456789";
const STALL: StopKind = StopKind::Stall(Duration::from_secs(1));

fn script(stops: &[Option<(StopPoint, StopKind)>]) -> Script<usize> {
    let mut script = Script::default();
    for (index, stop) in stops.iter().enumerate() {
        script.push(OutgoingResponse::new(BODY.len(), *stop, Some(index)));
    }
    script
}

/// Writes everything in pieces of at most `piece` bytes. Returns each event with its position.
fn run(script: &mut Script<usize>, bytes: &[u8], piece: usize) -> Vec<(usize, Step<usize>)> {
    let mut events = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let ready = &bytes[at..bytes.len().min(at + piece)];
        match script.next(ready) {
            Step::Write(length, token) => {
                assert!(length > 0, "no progress at {at}");
                script.wrote(&ready[..length]);
                at += length;
                if token.is_some() {
                    events.push((at, Step::Write(0, token)));
                }
            }
            stop @ Step::Stop(_) => {
                let closed = stop != Step::Stop(STALL);
                events.push((at, stop));
                if closed {
                    break;
                }
            }
        }
    }
    events
}

#[test]
fn responses_are_separated_for_any_size_of_writes() {
    let bytes = [HEAD, BODY, HEAD, BODY].concat();
    let one = HEAD.len() + BODY.len();
    for piece in 1..=bytes.len() {
        let events = run(&mut script(&[None, None]), &bytes, piece);
        assert_eq!(
            events,
            [
                (one, Step::Write(0, Some(0))),
                (2 * one, Step::Write(0, Some(1)))
            ]
        );
    }
}

#[test]
fn a_cut_before_the_response_sends_none_of_its_bytes() {
    let bytes = [HEAD, BODY, HEAD, BODY].concat();
    let one = HEAD.len() + BODY.len();
    for piece in 1..=bytes.len() {
        let mut script = script(&[None, Some((StopPoint::BeforeResponse, StopKind::Reset))]);
        let events = run(&mut script, &bytes, piece);
        assert_eq!(
            events,
            [
                (one, Step::Write(0, Some(0))),
                (one, Step::Stop(StopKind::Reset))
            ]
        );
    }
}

#[test]
fn a_cut_in_the_body_sends_half_of_it() {
    let bytes = [HEAD, BODY].concat();
    for piece in 1..=bytes.len() {
        let events = run(
            &mut script(&[Some((StopPoint::InBody, StopKind::Close))]),
            &bytes,
            piece,
        );
        assert_eq!(events, [(HEAD.len() + 5, Step::Stop(StopKind::Close))]);
    }
}

#[test]
fn a_stalled_response_is_completed() {
    let bytes = [HEAD, BODY].concat();
    for piece in 1..=bytes.len() {
        for (point, at) in [
            (StopPoint::BeforeResponse, 0),
            (StopPoint::InBody, HEAD.len() + 5),
        ] {
            let events = run(&mut script(&[Some((point, STALL))]), &bytes, piece);
            assert_eq!(
                events,
                [
                    (at, Step::Stop(STALL)),
                    (bytes.len(), Step::Write(0, Some(0)))
                ]
            );
        }
    }
}

#[test]
fn a_response_without_a_body_is_cut_before_its_head() {
    let mut script = Script::<()>::default();
    script.push(OutgoingResponse::new(
        0,
        Some((StopPoint::InBody, StopKind::Close)),
        None,
    ));
    assert_eq!(script.next(HEAD), Step::Stop(StopKind::Close));
}

#[test]
fn a_response_without_a_body_is_complete_after_its_head() {
    let mut script = Script::default();
    script.push(OutgoingResponse::new(0, None, Some('a')));
    assert_eq!(script.next(HEAD), Step::Write(HEAD.len(), Some('a')));
    script.wrote(HEAD);
    assert_eq!(script.next(BODY), Step::Write(BODY.len(), None));
}

#[test]
fn a_body_of_one_byte_can_be_cut() {
    let mut script = Script::<()>::default();
    script.push(OutgoingResponse::new(
        1,
        Some((StopPoint::InBody, StopKind::Close)),
        None,
    ));
    let bytes = [HEAD, b"x"].concat();
    assert_eq!(script.next(&bytes), Step::Write(HEAD.len(), None));
    script.wrote(HEAD);
    assert_eq!(script.next(b"x"), Step::Stop(StopKind::Close));
}

#[test]
fn an_informational_response_does_not_count() {
    let bytes = [b"HTTP/1.1 100 Continue\r\n\r\n", HEAD, BODY].concat();
    for piece in 1..=bytes.len() {
        let events = run(&mut script(&[None]), &bytes, piece);
        assert_eq!(events, [(bytes.len(), Step::Write(0, Some(0)))]);
    }
}
