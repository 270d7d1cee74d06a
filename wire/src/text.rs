//! Figures as people read them.

/// A time of so many microseconds with three significant digits and a unit that suits it.
pub fn duration(micros: f64) -> String {
    // The limits lie where three digits would round up to the next unit.
    match micros {
        m if m < 999.5 => three_digits(m, "µs"),
        m if m < 999_500.0 => three_digits(m / 1e3, "ms"),
        m if m < 59_950_000.0 => three_digits(m / 1e6, "s"),
        m => {
            let whole = (m / 1e6).round() as u64;
            format!("{}m{:02}s", whole / 60, whole % 60)
        }
    }
}

fn three_digits(value: f64, unit: &str) -> String {
    let decimals = match value {
        v if v < 9.995 => 2,
        v if v < 99.95 => 1,
        _ => 0,
    };
    format!("{value:.decimals$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_three_digits_and_the_unit_that_suits_it() {
        let expected = [
            (0.0, "0.00 µs"),
            (1.234, "1.23 µs"),
            (9.996, "10.0 µs"),
            (99.96, "100 µs"),
            (999.4, "999 µs"),
            (999.6, "1.00 ms"),
            (12_345.0, "12.3 ms"),
            (999_600.0, "1.00 s"),
            (59_900_000.0, "59.9 s"),
            (59_960_000.0, "1m00s"),
            (3_723_000_000.0, "62m03s"),
        ];
        for (micros, text) in expected {
            assert_eq!(duration(micros), text, "{micros}");
        }
    }
}
