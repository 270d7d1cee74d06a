//! The page that shows a run: live in a browser, and as a report that is one file.
//!
//! `dist/page.html` is made from `web/` by `npm run build` and committed, so that cargo needs no Node. The same
//! page follows a broker's stream when it holds no result, and shows the result when it holds one.
#![forbid(unsafe_code)]

use std::sync::LazyLock;

use loads_wire::RunResult;

const PAGE: &str = include_str!("../dist/page.html");
/// The element that takes a report's result.
const DATA: &str = r#"<script type="application/json" id="data">"#;
/// Where the page says what it may load: nothing but its own parts.
const POLICY: &str = r#"http-equiv="Content-Security-Policy" content=""#;

/// The live page, for the root of a broker's open port: it reads the stream beside it.
pub fn live() -> &'static str {
    PAGE
}

/// Content security policy to serve the live page with. The page has it as a meta tag too; only a header can
/// forbid frames.
pub fn policy() -> &'static str {
    static WHOLE: LazyLock<String> = LazyLock::new(|| {
        let own = PAGE.split_once(POLICY).and_then(|(_, rest)| rest.split_once('"')).map(|(own, _)| own);
        format!("{}; frame-ancestors 'none'", own.unwrap_or("default-src 'none'"))
    });
    &WHOLE
}

/// A run's report: the same page with the result in it, which needs neither network nor server.
pub fn report(result: &RunResult) -> String {
    let (head, rest) = PAGE.split_once(DATA).unwrap_or((PAGE, ""));
    // A result can always be written as JSON.
    let json = escape(&serde_json::to_string(result).unwrap_or_default());
    let tail = rest.strip_prefix("null").unwrap_or(rest);
    [head, DATA, &json, tail].concat()
}

/// JSON that can not end or confuse the script element around it: labels, errors and notes are what servers
/// and tests choose.
fn escape(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '<' => out.push_str(r"\u003c"),
            '>' => out.push_str(r"\u003e"),
            '&' => out.push_str(r"\u0026"),
            '\u{2028}' => out.push_str(r"\u2028"),
            '\u{2029}' => out.push_str(r"\u2029"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(page: &str) -> &str {
        page.split_once(DATA).unwrap().1.split_once("</script>").unwrap().0
    }

    #[test]
    fn the_page_is_one_small_file_that_asks_nobody_for_anything() {
        assert!(PAGE.len() < 300_000, "{} bytes", PAGE.len());
        for outside in ["src=\"", "href=\"http", "@import", "url(http"] {
            assert!(!PAGE.contains(outside), "{outside}");
        }
        assert!(policy().starts_with("default-src 'none'; script-src 'sha256-"), "{}", policy());
        assert!(!policy().contains("unsafe"), "{}", policy());
    }

    #[test]
    fn the_live_page_holds_no_result() {
        assert_eq!(data(live()), "null");
    }

    #[test]
    fn a_report_is_the_page_with_the_result_whatever_its_texts_are() {
        let nasty = "</script><script>alert(1)</script><!-- \u{2028}\u{2029} & \"é\" \\".to_owned();
        let result = RunResult { test: nasty.clone(), notes: vec![nasty], ..RunResult::default() };
        let page = report(&result);
        let json = data(&page);
        assert!(!json.contains(['<', '>', '&', '\u{2028}', '\u{2029}']), "{json}");
        assert_eq!(serde_json::from_str::<RunResult>(json).unwrap(), result);
        assert_eq!(page.replacen(json, "null", 1), live());
    }
}
