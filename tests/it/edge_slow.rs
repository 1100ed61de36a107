//! Delivery sessions that stop reading, over real TLS: others are not delayed, the slow one is cut by the edge or by the
//! engine, and what its desk has not signed for is delivered again.

use v1::receive_request::Kind as Up;
use v1::receive_response::Kind as Down;
use wardline::limits;
use wardline::server::RelaySettings;
use wardline::wire::v1;

use crate::support::{Session, World, receive, submit};

/// More than the window of HTTP/2 (64 KiB), what is being written, and the queue take of deliveries of 20 kB.
const COUNT: usize = 4 + 1 + limits::OUTBOUND_QUEUE_MAX + 4;
const CHARACTERS: usize = 20_000;
const STALL_MS: u64 = 2_000;

/// The next delivery; what else comes is left aside.
async fn delivery(session: &mut Session) -> v1::Delivery {
    loop {
        match session.next().await.expect("the session ended") {
            Down::Delivery(delivery) => return delivery,
            Down::Opened(_) | Down::CaughtUp(_) | Down::Settlement(_) | Down::Ending(_) => {}
        }
    }
}

/// The inbox number of a delivery.
fn number(delivery: &v1::Delivery) -> u64 {
    delivery.inbox.as_ref().unwrap().number
}

/// While one desk's session does not read, another agency's desk is delivered all that comes for it: the slow session is
/// still there, with deliveries that it has not taken, when the quick one has all of its own.
#[tokio::test]
async fn a_desk_that_does_not_read_delays_no_other() {
    let agencies = ["us.ctc", "ru.ctc", "fr.ctc"];
    let world = World::new(&[("http_listen", "127.0.0.1:0")], &agencies).await;
    let (slow, _) = Session::open(&world, "ru.ctc", 100).await;
    let (mut quick, _) = Session::open(&world, "fr.ctc", 100).await;
    let reading = tokio::spawn(async move {
        for _ in 0..COUNT {
            delivery(&mut quick).await;
        }
        quick
    });
    for _ in 0..COUNT {
        submit(&world, "us.ctc", "ru.ctc", 1, CHARACTERS).await;
        submit(&world, "us.ctc", "fr.ctc", 1, CHARACTERS).await;
    }
    let quick = reading.await.unwrap();
    assert_eq!(world.served.metric("wardline_delivery_sessions").await, 2);
    assert!(world.served.metric("wardline_handovers_total").await < 2 * COUNT as u64);
    drop((slow, quick));
    world.served.stop().await;
}

/// Who cuts a slow session: the edge, which sees that bytes are not taken, or the engine, should the edge not; a table.
/// Either way the figures say so, the connection ends without a word, and the desk's next session is delivered exactly what
/// was not signed for, in order.
#[tokio::test]
async fn a_slow_session_is_cut_and_its_deliveries_come_again() {
    type Adjust = fn(&mut RelaySettings);
    let cuts: [(&str, Adjust); 2] = [
        ("wardline_grpc_unread_cut_total", |settings| {
            settings.edge.stall_ms_max = STALL_MS;
        }),
        ("wardline_sessions_cut_total", |settings| {
            settings.session_times.stall_ms_max = STALL_MS;
            settings.edge.stall_ms_max = 24 * 3_600_000;
        }),
    ];
    for (counted, adjust) in cuts {
        let set = [("http_listen", "127.0.0.1:0")];
        let world = World::adjusted(&set, &["us.ctc", "ru.ctc"], adjust).await;
        let (mut slow, _) = Session::open(&world, "ru.ctc", 100).await;
        let first = submit(&world, "us.ctc", "ru.ctc", 1, CHARACTERS).await;
        assert_eq!(number(&delivery(&mut slow).await), 1);
        receive(&world.client("ru.ctc"), first[0]).await;
        submit(&world, "us.ctc", "ru.ctc", COUNT, CHARACTERS).await;
        // It is the only connection left.
        while world
            .served
            .metric("wardline_connections{kind=\"enrolled\"}")
            .await
            > 0
        {
            tokio::task::yield_now().await;
        }
        assert_eq!(world.served.metric(counted).await, 1);
        let cut = loop {
            match slow.down.message().await {
                Ok(message) => assert!(message.is_some(), "it ended as if nothing had happened"),
                Err(status) => break status,
            }
        };
        assert!(cut.details().is_empty(), "a cut connection cannot say why");
        let (mut next, opened) = Session::open(&world, "ru.ctc", 100).await;
        assert_eq!(opened.waiting, COUNT as u64, "{counted}");
        for expected in 2..COUNT as u64 + 2 {
            assert_eq!(number(&delivery(&mut next).await), expected, "{counted}");
        }
        world.served.stop().await;
    }
}

/// What was delivered and not signed for comes again on the same session, and says how often it has come; what was signed
/// for does not.
#[tokio::test]
async fn what_is_not_signed_for_comes_again() {
    let world = World::adjusted(&[], &["us.ctc", "ru.ctc"], |settings| {
        settings.session_times.redeliver_after_ms = 1;
    })
    .await;
    let (mut session, _) = Session::open(&world, "ru.ctc", 3).await;
    let warnings = submit(&world, "us.ctc", "ru.ctc", 1, 1).await;
    for repeated in 0..3 {
        let delivery = delivery(&mut session).await;
        assert_eq!((number(&delivery), delivery.repeated), (1, repeated));
    }
    // Without credit nothing comes, so nothing is under way when it is signed for.
    receive(&world.client("ru.ctc"), warnings[0]).await;
    session.send(Up::Credit(v1::Credit { deliveries: 2 })).await;
    submit(&world, "us.ctc", "ru.ctc", 1, 1).await;
    for repeated in 0..2 {
        let delivery = delivery(&mut session).await;
        assert_eq!((number(&delivery), delivery.repeated), (2, repeated));
    }
    world.served.stop().await;
}
