//! The formats that metrics are told in. Pure.
//!
//! Prometheus asks for `OpenMetrics`. Much else that reads metrics, promtool's linter among it, knows only the text format that
//! came before (Prometheus documentation, "Exposition formats", version 0.0.4) and fails at what it lacks: types `info` and
//! `unknown`, `# UNIT`, and counters that are declared under a name without `_total`.

/// A format of metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `OpenMetrics` 1.0.0.
    OpenMetrics,
    /// The text format 0.0.4.
    Text,
}

impl Format {
    /// The format for whoever accepts that: `OpenMetrics` only where it is asked for by name.
    #[must_use]
    pub fn accepted(accept: Option<&str>) -> Self {
        let names_it =
            |part: &str| part.split(';').next().is_some_and(|kind| kind.trim() == "application/openmetrics-text");
        if accept.is_some_and(|accept| accept.split(',').any(names_it)) { Self::OpenMetrics } else { Self::Text }
    }

    /// The value of `Content-Type`.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// What is written in `OpenMetrics`, in the text format. Samples are the same in both; what is said of them is not.
#[must_use]
pub fn to_text(openmetrics: &str) -> String {
    let mut text = String::with_capacity(openmetrics.len());
    let mut say = |words: &[&str]| {
        text.extend(words.iter().copied());
        text.push('\n');
    };
    // The name that a metric is declared under depends on its type, which is told after the help.
    let mut help: Option<(&str, &str)> = None;
    for line in openmetrics.lines() {
        if let Some(words) = line.strip_prefix("# HELP ") {
            help = words.split_once(' ');
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|words| words.split_once(' ')) {
            let (suffix, kind) = match kind {
                "counter" => ("_total", "counter"),
                "info" => ("_info", "gauge"),
                "unknown" => ("", "untyped"),
                other => ("", other),
            };
            if let Some((_, words)) = help.take().filter(|(of, _)| *of == name) {
                say(&["# HELP ", name, suffix, " ", words]);
            }
            say(&["# TYPE ", name, suffix, " ", kind]);
        } else if !line.starts_with('#') {
            say(&[line]);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn openmetrics_is_for_those_who_name_it() {
        let prometheus = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
                          text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        assert_eq!(Format::accepted(Some(prometheus)), Format::OpenMetrics);
        assert_eq!(Format::accepted(Some("text/plain, application/openmetrics-text")), Format::OpenMetrics);
        for other in
            [None, Some("*/*"), Some("text/plain;version=0.0.4"), Some("application/openmetrics-texts"), Some("")]
        {
            assert_eq!(Format::accepted(other), Format::Text, "{other:?}");
        }
    }

    #[test]
    fn what_the_text_format_lacks_is_said_in_its_words() {
        let openmetrics = "\
# HELP calls Calls.
# TYPE calls counter
calls_total{outcome=\"ok\"} 3
# HELP wait_seconds How long.
# TYPE wait_seconds histogram
# UNIT wait_seconds seconds
wait_seconds_sum 1.5
wait_seconds_count 2
wait_seconds_bucket{le=\"+Inf\"} 2
# HELP build Version.
# TYPE build info
build_info{version=\"1\"} 1
# TYPE odd unknown
odd 1
# EOF
";
        let text = "\
# HELP calls_total Calls.
# TYPE calls_total counter
calls_total{outcome=\"ok\"} 3
# HELP wait_seconds How long.
# TYPE wait_seconds histogram
wait_seconds_sum 1.5
wait_seconds_count 2
wait_seconds_bucket{le=\"+Inf\"} 2
# HELP build_info Version.
# TYPE build_info gauge
build_info{version=\"1\"} 1
# TYPE odd untyped
odd 1
";
        assert_eq!(to_text(openmetrics), text);
    }
}
