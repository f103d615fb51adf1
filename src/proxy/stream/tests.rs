use tokio::io::duplex;

use super::*;
use crate::proxy::record;

/// Two ends for a test, and a copy between them.
async fn between(
    test: impl AsyncFnOnce(tokio::io::DuplexStream, tokio::io::DuplexStream),
) -> (Outcome, crate::model::change::Carried) {
    let (mut opened, endings) = record::tests::watched();
    let meter = opened.carries();
    let ((agent, our_agent), (provider, our_provider)) = (duplex(1 << 10), duplex(1 << 10));
    let (outcome, ()) = tokio::join!(both_ways(our_agent, our_provider, &meter), test(agent, provider));
    opened.close(Ending::of(outcome));
    let ended = endings.lock().unwrap().pop().unwrap();
    (ended.outcome, ended.carried.unwrap())
}

#[tokio::test]
async fn bytes_go_both_ways_and_are_counted() {
    let (outcome, carried) = between(async |mut agent, mut provider| {
        let (mut there, mut back) = (Vec::new(), Vec::new());
        let sends = async {
            agent.write_all(&[1; 100_000]).await.unwrap();
            agent.shutdown().await.unwrap();
            agent.read_to_end(&mut back).await.unwrap();
        };
        let answers = async {
            provider.read_to_end(&mut there).await.unwrap();
            provider.write_all(b"bye").await.unwrap();
            drop(provider);
        };
        tokio::join!(sends, answers);
        assert_eq!((there.len(), back.as_slice()), (100_000, &b"bye"[..]));
    })
    .await;
    assert_eq!(
        (outcome, carried.sent, carried.received),
        (Outcome::Success, 100_000, 3)
    );
}

#[tokio::test]
async fn a_reader_that_does_not_read_stops_the_sender() {
    let (_, carried) = between(async |mut agent, provider| {
        let piece = [7; 1 << 10];
        let mut sent = 0;
        while let Ok(written) = timeout(Duration::from_millis(200), agent.write_all(&piece)).await {
            written.unwrap();
            sent += piece.len();
            assert!(sent < 64 << 10, "nobody has read any of it");
        }
        drop(provider);
    })
    .await;
    assert!(carried.sent <= 2 << 10, "{carried:?}");
}

#[tokio::test(start_paused = true)]
async fn a_side_that_stays_behind_in_silence_is_left() {
    let (outcome, carried) = between(async |mut agent, mut provider| {
        agent.shutdown().await.unwrap();
        assert_eq!(provider.read(&mut [0]).await.unwrap(), 0, "the end is handed on");
        // Longer than silence is borne, in pieces that keep it going.
        for _ in 0..4 {
            tokio::time::sleep(QUIET * 3 / 4).await;
            provider.write_all(b".").await.unwrap();
            assert_eq!(agent.read(&mut [0]).await.unwrap(), 1);
        }
        let silent = tokio::time::Instant::now();
        assert_eq!(agent.read(&mut [0]).await.unwrap(), 0);
        assert!(silent.elapsed() <= QUIET * 2, "{:?}", silent.elapsed());
    })
    .await;
    assert_eq!((outcome, carried.sent, carried.received), (Outcome::Success, 0, 4));
}
