//! How many hit messages of runners one core reads a second: `cargo run --release -p loads-wire --example parse_speed`

use std::time::Instant;

const MESSAGE: &[u8] = br#"{"data_type":"add_hit","url":"http://127.0.0.1:9123/index.html?a=1","method":"GET","status":200,"started":"2026-11-22T01:50:42.041462","elapsed":0.010723,"loads_status":[10,5,3,2],"agent_id":"r1-0","run_id":"r1"}"#;
const ROUNDS: u32 = 2_000_000;

fn main() {
    let begun = Instant::now();
    let mut read = 0;
    for _ in 0..ROUNDS {
        read += loads_wire::external::parse(std::hint::black_box(MESSAGE))
            .map_or(0, |frame| frame.messages.len());
    }
    println!("{read} messages, {:.0} a second", f64::from(ROUNDS) / begun.elapsed().as_secs_f64());
}
