//! The sums of the events equal the counts of the snapshot and the server.

use std::time::Duration;

use api_ratelimiter::{ApiRateConfig, DynamicAPIClient, Event};
use api_ratelimiter_simulator::{Fault, Limit, SimulatedApi};

use super::recorder;

#[test]
fn a_job_with_faults_has_one_set_of_totals() {
    let api = SimulatedApi::builder()
        .limit(Limit::token_bucket(50.0, 5.0).expect("valid"))
        .fault(Fault::status(500, 0.1).expect("valid"))
        .fault(Fault::cut_before_response(0.1).expect("valid"))
        .seed(3)
        .start()
        .expect("a port");
    let heard = recorder();
    let config = ApiRateConfig {
        name: "totals".into(),
        base_url: api.base_url(),
        initial_rate: 300.0,
        min_rate: 10.0,
        max_rate: 400.0,
        max_cooldown: Duration::from_secs(20),
        default_cooldown: Some(Duration::from_millis(20)),
        ..Default::default()
    };
    let client = DynamicAPIClient::builder(config)
        .retry_transport(2)
        .observer(heard.clone())
        .build()
        .expect("valid");
    std::thread::scope(|scope| {
        for worker in 0..4 {
            let client = client.clone();
            scope.spawn(move || {
                for job in 0..30 {
                    if let Ok(answer) = client.get(format!("/pages/{worker}-{job}")).send() {
                        drop(answer.bytes());
                    }
                }
            });
        }
    });
    let (mut attempts, mut refused, mut failed, mut waited) = (0, 0, 0, Duration::ZERO);
    for event in heard.events() {
        if let Event::Attempt {
            refused: was_refused,
            status,
            waited: time,
            ..
        } = event
        {
            attempts += 1;
            refused += u64::from(was_refused);
            failed += u64::from(status.is_none_or(|status| status == 500));
            waited += time;
        }
    }
    let (snapshot, stats) = (client.limiter().snapshot(), api.stats());
    assert_eq!(attempts, snapshot.granted);
    assert_eq!(attempts, stats.accepted + stats.refused);
    assert_eq!(refused, snapshot.backed_off);
    assert_eq!(refused, stats.refused);
    assert_eq!(failed, stats.faults_injected);
    assert_eq!(attempts - refused - failed, snapshot.succeeded);
    assert_eq!(waited, snapshot.waited);
    assert!(
        refused > 0 && failed > 0 && waited > Duration::ZERO,
        "{snapshot:?}"
    );
}
