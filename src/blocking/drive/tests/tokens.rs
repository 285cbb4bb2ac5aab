//! Tokens of a source: when it is asked, and why.

use std::cell::Cell;

use super::*;

/// Returns a world whose client has a source of tokens, and a request without a token of its own.
fn with_source() -> (World, RequestParts) {
    let world = world(|draft| draft.has_token_source = true);
    let mut parts = world.parts(Method::POST);
    parts.headers.remove("authorization");
    (world, parts)
}

/// Plays a script. Returns what came of it, and the reasons that the source was told.
fn told(
    world: &World,
    parts: RequestParts,
    script: &[Does],
) -> (Result<(u16, u32)>, Vec<TokenReason>) {
    let reasons = RefCell::new(Vec::new());
    let source = |why| {
        reasons.borrow_mut().push(why);
        Ok("fresh".to_owned())
    };
    let outcome = world.call_with(&source, parts, script);
    (outcome, reasons.into_inner())
}

/// Numbers of rejected tokens in the reasons; 0 is the first.
fn rejected(reasons: &[TokenReason]) -> Vec<u32> {
    let times = |why: &TokenReason| match why {
        TokenReason::Expired { times, .. } => *times,
        _ => 0,
    };
    reasons.iter().map(times).collect()
}

#[test]
fn tokens_that_are_rejected_are_renewed_three_times() {
    let expired = || Answers(401, &[]);
    let (world, parts) = with_source();
    let (outcome, reasons) = told(&world, parts.clone(), &[expired(), expired(), ok()]);
    assert_eq!(outcome.expect("the call succeeds"), (200, 3));
    assert_eq!(rejected(&reasons), [0, 1, 2]);
    let (outcome, reasons) = told(
        &world,
        parts.clone(),
        &[expired(), expired(), expired(), expired()],
    );
    assert_eq!(outcome.expect("a value"), (401, 4));
    assert_eq!(rejected(&reasons), [0, 1, 2, 3]);
    let own = world.parts(Method::GET);
    let (outcome, reasons) = told(&world, own, &[expired()]);
    assert_eq!(
        outcome.expect("the request brought its own token"),
        (401, 1)
    );
    assert_eq!(reasons, []);
}

#[test]
fn a_refusal_does_not_reject_a_token() {
    let (world, parts) = with_source();
    let script = [
        Answers(429, &[]),
        Answers(401, &[]),
        Answers(429, &[]),
        ok(),
    ];
    let (outcome, reasons) = told(&world, parts, &script);
    assert_eq!(outcome.expect("the call succeeds"), (200, 4));
    assert_eq!(rejected(&reasons), [0, 0, 1, 0]);
}

#[test]
fn a_source_that_asks_the_same_limiter_stalls_no_call() {
    let (world, parts) = with_source();
    let source = |_| {
        world.limiter.acquire()?.success();
        Ok("fresh".to_owned())
    };
    let refused = || Answers(429, &[("retry-after", "5")]);
    let outcome = world.call_with(&source, parts, &[refused(), refused(), ok()]);
    assert_eq!(outcome.expect("the call succeeds"), (200, 3));
    let times = world.times();
    // The pause with its jitter of up to a tenth, and one interval each for the token and the request.
    assert!(
        times.windows(2).all(|pair| pair[1] - pair[0] <= 8.5),
        "{times:?}"
    );
}

#[test]
fn a_token_that_waited_long_is_asked_for_again() {
    let (world, parts) = with_source();
    for (wait, asked) in [(50, 2), (100, 3)] {
        let hint: &'static str = wait.to_string().leak();
        let headers: &'static [_] = vec![("retry-after", hint)].leak();
        let (outcome, reasons) = told(&world, parts.clone(), &[Answers(429, headers), ok()]);
        assert_eq!(outcome.expect("the call succeeds"), (200, 2));
        assert_eq!(rejected(&reasons), vec![0; asked], "{wait}");
    }
}

#[test]
fn a_source_that_fails_takes_no_permit() {
    let (world, parts) = with_source();
    let asked = Cell::new(0);
    let source = |_| {
        asked.set(asked.get() + 1);
        Err("the vault is sealed".into())
    };
    let error = world
        .call_with(&source, parts, &[])
        .expect_err("there is no token");
    assert!(error.to_string().contains("the vault is sealed"), "{error}");
    assert_eq!((asked.get(), world.limiter.snapshot().granted), (1, 0));
}
