//! How an address is reached that may not be there yet, or that says so only sometimes.
//!
//! A Service without ready pods refuses connections by ICMP, of which a kernel sends one client six and then one a
//! second. So a client that tries again soon mostly hears nothing, and the kernel repeats an unanswered SYN after a
//! whole second. Here such an attempt is not waited for alone.

use std::io;
use std::pin::pin;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use crate::link::{ATTEMPT, Pause};

/// Within a cluster the answer takes milliseconds: after this a second attempt is made beside the first.
const ANSWER: Duration = Duration::from_millis(250);
/// Between attempts that were refused, at most.
const REFUSED: Duration = Duration::from_millis(250);

/// Connects, again and again for [`ATTEMPT`]; then the last error.
pub(crate) async fn reach<T, F>(connect: impl Fn() -> F) -> io::Result<T>
where
    F: Future<Output = io::Result<T>>,
{
    let begin = Instant::now();
    let mut pause = Pause::up_to(REFUSED);
    loop {
        match once(&connect).await {
            Err(_) if begin.elapsed() < ATTEMPT => pause.wait().await,
            ended => return ended,
        }
    }
}

/// One patient attempt, and beside it a new one whenever the newest is not answered.
async fn once<T, F>(connect: impl Fn() -> F) -> io::Result<T>
where
    F: Future<Output = io::Result<T>>,
{
    let mut patient = pin!(connect());
    if let Ok(ended) = timeout(ANSWER, patient.as_mut()).await {
        return ended;
    }
    let beside = async {
        loop {
            match timeout(ANSWER, connect()).await {
                Ok(Ok(connected)) => return connected,
                Ok(Err(_)) => sleep(REFUSED).await,
                Err(_) => {}
            }
        }
    };
    tokio::select! {
        ended = patient => ended,
        connected = beside => Ok(connected),
        () = sleep(ATTEMPT) => Err(io::ErrorKind::TimedOut.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::pending;

    use super::*;

    /// Attempts, each of which ends as `nth` says of its number.
    async fn tried<F>(nth: impl Fn(u32) -> F) -> io::Result<u32>
    where
        F: Future<Output = io::Result<u32>>,
    {
        let made = Cell::new(0);
        reach(|| {
            made.set(made.get() + 1);
            nth(made.get())
        })
        .await
    }

    fn refused() -> io::Result<u32> {
        Err(io::ErrorKind::HostUnreachable.into())
    }

    #[tokio::test]
    async fn an_attempt_that_nothing_answers_does_not_hold_up_the_next() {
        let connected = tried(async |n| if n < 3 { pending().await } else { Ok(n) }).await;
        assert_eq!(connected.unwrap(), 3);
    }

    #[tokio::test]
    async fn a_far_address_is_reached_by_the_first_attempt() {
        let far = async |n| {
            sleep(4 * ANSWER).await;
            Ok(n)
        };
        assert_eq!(tried(far).await.unwrap(), 1);
    }

    #[tokio::test]
    async fn a_refused_attempt_is_made_again() {
        let connected = tried(async |n| if n < 6 { refused() } else { Ok(n) }).await;
        assert_eq!(connected.unwrap(), 6);
    }

    #[tokio::test]
    async fn what_stays_refused_is_told_in_the_end() {
        let kind = tried(async |_| refused()).await.unwrap_err().kind();
        assert_eq!(kind, io::ErrorKind::HostUnreachable);
    }

    #[tokio::test]
    async fn silence_is_told_in_the_end() {
        let kind = tried(async |_| pending().await).await.unwrap_err().kind();
        assert_eq!(kind, io::ErrorKind::TimedOut);
    }
}
