//! What recording a request costs: nanoseconds for test start, sent, hit and test end together.

use loads_agent::clock::{self, SECOND};
use loads_agent::record::{Cell, Cells, Hit, Recorder, WindowSink};

const REQUESTS: u64 = 20_000_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::temp_dir().join(format!("recorder_cost.{}", std::process::id()));
    let (sink, windows) = WindowSink::channel();
    let mut recorder = Recorder::new(sink, Cells::open(&path)?);
    let start = clock::now();
    recorder.begin_step(start, 0, start);
    let id = recorder.series("http://127.0.0.1/", "GET", 200);
    for n in 0..REQUESTS {
        recorder.test_started();
        recorder.sent();
        // Latencies of 100 µs to 1.1 ms, a hundred thousand requests for each second of the run.
        let latency = 100_000 + n.wrapping_mul(0x9e37_79b9) % 1_000_000;
        let now = start + n * (SECOND / 100_000);
        recorder.hit(id, Hit { now, latency, headers: latency, bytes: 2, unexpected: false });
        recorder.test_ended(Cell::Success);
    }
    let spent = clock::now() - start;
    drop(windows);
    std::fs::remove_file(&path)?;
    println!("{:.1}", spent as f64 / REQUESTS as f64);
    Ok(())
}
