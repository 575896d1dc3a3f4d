//! With the runtime's clock standing still but for the timers: what takes how long is exact.

use std::time::Duration;

use proptest::prelude::*;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    time::{Instant, timeout},
};

use super::*;

/// The timer's grain.
const GRAIN: Duration = Duration::from_millis(1);

fn network(text: &str) -> Network {
    text.parse().unwrap()
}

/// A shaped end, and the end where what it writes arrives. The pipe between them holds a megabyte.
fn ends(text: &str) -> (Delayed<DuplexStream>, DuplexStream) {
    let (near, far) = duplex(1 << 20);
    (Delayed::new(near, network(text)), far)
}

async fn in_paused_time<T>(test: impl Future<Output = T>) -> T {
    tokio::time::pause();
    test.await
}

fn took(began: Instant, at_least: Duration, grains: u32) {
    let took = began.elapsed();
    assert!(took >= at_least && took <= at_least + GRAIN * grains, "{took:?} where {at_least:?} was due");
}

#[test]
fn networks_are_read_and_said() {
    let one = network("20,100");
    assert_eq!((one.round_trip(), one.bits_per_second()), (Duration::from_millis(20), 100_000_000));
    let two = network("0.5, 2.5");
    assert_eq!((two.round_trip(), two.bits_per_second()), (Duration::from_micros(500), 2_500_000));
    assert_eq!([one.to_string(), two.to_string()], ["20,100", "0.5,2.5"]);
    for wrong in ["", "20", "lan", "20,", ",100", "20,100,3", "-1,100", "2001,100", "20,0", "20,1e9", "nan,1", "1,inf"]
    {
        assert_eq!(wrong.parse::<Network>(), Err(NetworkError(wrong.to_owned())));
    }
}

#[test]
fn what_may_be_under_way_is_bounded_both_ways() {
    assert_eq!(network("0,1").most_under_way(), 256 << 10);
    assert_eq!(network("20,100").most_under_way(), (256 << 10) + 250_000);
    assert_eq!(network("2000,100000").most_under_way(), 64 << 20);
}

#[tokio::test]
async fn a_byte_takes_half_a_round_trip() {
    in_paused_time(async {
        let (mut near, mut far) = ends("80,100000");
        let began = Instant::now();
        near.write_all(&[7]).await.unwrap();
        assert_eq!(began.elapsed(), Duration::ZERO, "writing does not wait for it");
        assert!(timeout(Duration::from_millis(39), far.read_u8()).await.is_err(), "it came early");
        assert_eq!(far.read_u8().await.unwrap(), 7);
        took(began, Duration::from_millis(40), 2);
    })
    .await;
}

#[tokio::test]
async fn many_bytes_take_what_the_rate_says_and_a_pause_gives_no_credit() {
    in_paused_time(async {
        // A megabyte a second.
        let (mut near, mut far) = ends("10,8");
        for _ in 0..2 {
            tokio::time::sleep(Duration::from_secs(5)).await;
            let began = Instant::now();
            let sent = vec![1; 3_000_000];
            let mut got = vec![0; sent.len()];
            tokio::join!(async { near.write_all(&sent).await.unwrap() }, async {
                far.read_exact(&mut got).await.unwrap();
            });
            assert!(got == sent);
            took(began, Duration::from_millis(3005), 2);
        }
    })
    .await;
}

#[tokio::test]
async fn the_other_direction_is_not_touched() {
    in_paused_time(async {
        let (mut near, mut far) = ends("1000,0.1");
        let began = Instant::now();
        far.write_all(b"at once").await.unwrap();
        let mut got = [0; 7];
        near.read_exact(&mut got).await.unwrap();
        assert_eq!((&got, began.elapsed()), (b"at once", Duration::ZERO));
    })
    .await;
}

#[tokio::test]
async fn who_writes_has_to_wait_when_enough_is_under_way() {
    in_paused_time(async {
        let (mut near, mut far) = ends("100,8");
        let most = network("100,8").most_under_way();
        let endless = vec![0; 1 << 16];
        let mut written = 0;
        while let Ok(count) = timeout(Duration::ZERO, near.write(&endless)).await {
            written += count.unwrap();
        }
        assert_eq!(written, most);
        // As much room comes back as has arrived.
        let mut some = vec![0; 100_000];
        far.read_exact(&mut some).await.unwrap();
        let more = near.write(&endless).await.unwrap();
        assert!(more > 0 && more <= 100_000, "{more}");
    })
    .await;
}

#[tokio::test]
async fn who_reads_nothing_holds_up_who_writes() {
    in_paused_time(async {
        let (near, far) = duplex(1000);
        let mut near = Delayed::new(near, network("0,1000"));
        let most = network("0,1000").most_under_way();
        let endless = vec![0; 1 << 16];
        let mut written = 0;
        while let Ok(count) = timeout(Duration::from_secs(60), near.write(&endless)).await {
            written += count.unwrap();
        }
        // The pipe took a thousand, and part of one piece went with them.
        assert!(written >= most && written <= most + (16 << 10) + 1000, "{written} of {most}");
        drop(far);
    })
    .await;
}

#[tokio::test]
async fn shutting_down_waits_until_all_has_arrived() {
    in_paused_time(async {
        let (mut near, mut far) = ends("2000,0.8");
        let began = Instant::now();
        near.write_all(&[3; 50_000]).await.unwrap();
        near.flush().await.unwrap();
        assert_eq!(began.elapsed(), Duration::ZERO, "flushing does not wait");
        near.shutdown().await.unwrap();
        took(began, Duration::from_millis(1500), 2);
        let mut got = Vec::new();
        far.read_to_end(&mut got).await.unwrap();
        assert!(got == [3; 50_000]);
        let error = near.write(&[1]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    })
    .await;
}

#[tokio::test]
async fn what_was_written_arrives_though_the_writer_is_gone() {
    in_paused_time(async {
        let (mut near, mut far) = ends("500,1");
        near.write_all(b"last words").await.unwrap();
        drop(near);
        let mut got = Vec::new();
        far.read_to_end(&mut got).await.unwrap();
        assert_eq!(got, b"last words");
    })
    .await;
}

#[tokio::test]
async fn a_far_end_that_is_gone_is_an_error_and_not_a_wait() {
    in_paused_time(async {
        let (mut near, far) = ends("20,100");
        drop(far);
        near.write_all(&[1; 10]).await.unwrap();
        let error = near.shutdown().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        assert!(near.write(&[1]).await.is_err() && near.flush().await.is_err());
    })
    .await;
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn content_comes_as_it_went_however_it_is_cut(
        chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..5000), 0..40),
        reads in prop::collection::vec(1_usize..3000, 1..10),
        pauses in prop::collection::vec(0_u64..30, 1..10),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let expected = chunks.concat();
        let got = runtime.block_on(async move {
            let (mut near, mut far) = ends("30,4");
            let writing = async move {
                for (chunk, pause) in chunks.iter().zip(pauses.iter().cycle()) {
                    near.write_all(chunk).await.unwrap();
                    tokio::time::sleep(Duration::from_millis(*pause)).await;
                }
                near.shutdown().await.unwrap();
            };
            let reading = async move {
                let mut got = Vec::new();
                for size in reads.iter().cycle() {
                    let mut buffer = vec![0; *size];
                    let count = far.read(&mut buffer).await.unwrap();
                    if count == 0 {
                        break;
                    }
                    got.extend_from_slice(&buffer[..count]);
                }
                got
            };
            tokio::join!(writing, reading).1
        });
        prop_assert!(got == expected);
    }
}
